"""What an operator is told of a pack: it is refused as a whole, or it is read and something about it is doubtful."""

import msgspec

from broker.document.finding import Severity


class PackRefused(msgspec.Struct, frozen=True):
    """The pack is not read: a stable ``code``, what is wrong and how to mend it in Russian, the guilty ``file`` if any."""

    code: str
    message: str
    fix: str
    file: str = ""

    def to_text(self) -> str:
        """Render the refusal for a person at a terminal."""
        return _lines("ОТКАЗ", self.code, self.message, self.file, self.fix)


class PackFinding(msgspec.Struct, frozen=True):
    """Something doubtful in a pack that was read.

    An ``error`` keeps the pack from being activated until an operator overrides it with a reason; a ``warning`` does not.
    """

    severity: Severity
    code: str
    message: str
    fix: str
    file: str = ""
    kind: str = ""

    @property
    def blocks(self) -> bool:
        """Tell whether the pack may be activated only in spite of this."""
        return self.severity is Severity.ERROR

    def to_text(self) -> str:
        """Render the finding for a person at a terminal."""
        mark = "ОШИБКА" if self.blocks else "предупреждение"
        return _lines(mark, self.code, self.message, self.file, self.fix)


def shown_name(name: str) -> str:
    """Return a file's name as an operator may see it: printable, and cut when it is hostile."""
    text = "".join(letter if letter.isprintable() else "�" for letter in name)
    return text if len(text) <= 160 else text[:160] + "…"


def _lines(mark: str, code: str, message: str, file: str, fix: str) -> str:
    where = f"\n   Файл: {file}" if file else ""
    return f"{mark} · {code}\n   {message}{where}\n   Что сделать: {fix}"
