"""A file dropped on a page: read within bounds, judged and rendered in compute processes, then forgotten.

Nothing of it is stored; the log has its size and how many findings there were, never a name or a value.
"""

import contextlib
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Final

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import BadHttpMessage

from broker.adapter_kit.clock import Clock
from broker.api.bodies import Bodies, Part, TooLarge
from broker.archive import SealedPart
from broker.assembly.foundation import Foundation
from broker.assembly.kinds import kinds_by_code
from broker.assembly.lone import lone_file, lone_report
from broker.assembly.working import compute
from broker.compute.pool import ComputeFailed, ComputePool, PoolUnusable
from broker.console.check import Checked, Trouble
from broker.document.submission import Mode, SignatureKind
from broker.intake.read import MAX_CONTENT, MAX_SIGNATURE
from broker.pipeline import Batch, InForce, examined
from broker.store.room import NoRoom, Room
from broker.telemetry.log import log
from broker.validation.rendering.as_html import Part as Rendered
from broker.validation.rendering.as_html import fragment

MAX_UPLOAD: Final = MAX_CONTENT + 2 * MAX_SIGNATURE + 64 * 1024
"""Bytes of a posted form: a document, two signatures, the fields."""
_TOO_LARGE: Final = Trouble(
    413, f"Файл больше {MAX_CONTENT // 1024 // 1024} МиБ.", "Документ такого размера не примет и РЭМД."
)
_BUSY: Final = Trouble(503, "Сейчас проверяется слишком много данных.", "Повторите через минуту.")
_MALFORMED: Final = Trouble(400, "Форма пришла повреждённой.", "Откройте страницу заново и повторите.")
_SLOW: Final = Trouble(408, "Файл передаётся слишком долго.", "Проверьте связь и повторите.")
_NO_FILE: Final = Trouble(422, "Файл не выбран или пуст.", "Выберите XML документа или ZIP реестра.")
_LARGE_SIGNATURE: Final = Trouble(
    413, f"Подпись больше {MAX_SIGNATURE // 1024} КиБ.", "Приложите открепленную подпись (CMS)."
)
_NO_KIND: Final = Trouble(
    422, "Такого вида документа нет.", "Выберите вид из списка или не выбирайте никакой."
)
_STALE: Final = Trouble(403, "Страница устарела.", "Вернитесь, обновите её и повторите.")
_TOO_HEAVY: Final = Trouble(
    422,
    "Проверка документа не уложилась в отведённые время или память.",
    "Документ необычно велик или глубоко вложен: упростите его.",
)
_AWAY: Final = Trouble(503, "Проверка документов сейчас не работает.", "Повторите позже.")


class _Upload(msgspec.Struct, frozen=True):
    """What was posted."""

    name: str
    content: bytes
    signatures: tuple[SealedPart, ...]
    kind: str


class FileCheck:
    """Checks the file of a posted form; ``door`` names the page in the log, ``mode`` is whose rules count."""

    def __init__(
        self,
        pool: ComputePool,
        room: Room,
        clock: Clock,
        kinds: Mapping[str, str],
        in_force: Callable[[], InForce],
        *,
        door: str,
        mode: Mode,
    ) -> None:
        self._pool = pool
        self._in_force = in_force
        self._mode = mode
        self._bodies = Bodies(room, MAX_UPLOAD)
        self._clock = clock
        self._kinds = kinds
        self._door = door

    async def __call__(self, request: web.Request, permits: Callable[[str], bool]) -> Checked | Trouble:
        """Return the rendered report, or what is the trouble; ``permits`` judges the form's token."""
        try:
            async with self._bodies.hold(request):
                upload = await self._read(request, permits)
                return upload if isinstance(upload, Trouble) else await self._judged(upload)
        except TooLarge:
            return _TOO_LARGE
        except NoRoom:
            return _BUSY
        except TimeoutError:
            return _SLOW
        except ComputeFailed:
            log().info("check.too_heavy", door=self._door)
            return _TOO_HEAVY
        except PoolUnusable:
            return _AWAY

    async def _read(self, request: web.Request, permits: Callable[[str], bool]) -> _Upload | Trouble:
        if request.content_type != "multipart/form-data":
            return _MALFORMED
        try:
            parts = await self._bodies.parts(request)
            fields = {part.name: part.data.decode() for part in parts if not part.filename}
        except (ValueError, RuntimeError, BadHttpMessage):  # an unknown transfer encoding is a RuntimeError
            return _MALFORMED
        except ConnectionError:  # gone in the middle: nobody reads the answer
            return _MALFORMED
        if not permits(fields.get("csrf", "")):
            return _STALE
        return self._understood(parts, fields.get("kind", ""))

    def _understood(self, parts: Sequence[Part], kind: str) -> _Upload | Trouble:
        files = {part.name: part for part in parts if part.filename and part.data}
        document = files.get("document")
        if document is None:
            return _NO_FILE
        if len(document.data) > MAX_CONTENT:
            return _TOO_LARGE
        if kind and kind not in self._kinds:
            return _NO_KIND
        signatures = []
        for name, whose in (
            ("signature", SignatureKind.PERSONAL),
            ("organization", SignatureKind.ORGANIZATION),
        ):
            if name in files:
                signatures.append(SealedPart(whose, files[name].data))
                if len(files[name].data) > MAX_SIGNATURE:
                    return _LARGE_SIGNATURE
        return _Upload(document.filename[:200], document.data, tuple(signatures), kind)

    async def _judged(self, upload: _Upload) -> Checked:
        one = lone_file(upload.content, upload.signatures, upload.kind, self._clock.now(), self._mode)
        made = (await examined(self._pool, Batch((one,), self._in_force())))[0]
        report = lone_report(made, unsigned="" if upload.signatures else "подписи не приложены")
        html = await self._pool.run(
            fragment, Rendered(name=upload.name, report=report, content=upload.content)
        )
        log().info(
            "check.done",
            door=self._door,
            size=len(upload.content),
            findings=len(report.findings),
            blocked=report.blocked,
        )
        return Checked(html=html, kind=upload.kind)


class FileChecks(msgspec.Struct, frozen=True):
    """The checks behind the console's page and, where it is switched on, behind the page for everybody."""

    console: FileCheck
    everybody: FileCheck | None


@contextlib.asynccontextmanager
async def file_checks(
    base: Foundation, pool: ComputePool, in_force: Callable[[], InForce]
) -> AsyncIterator[FileChecks]:
    """Open them, by what is ``in_force``; strangers' files have a process of their own, so that they never hold up a partner's check."""
    settings, room = base.settings, base.documents.room
    kinds = kinds_by_code(settings)
    console = FileCheck(pool, room, base.clock, kinds, in_force, door="console", mode=Mode.PRODUCTION)
    if settings.door.check_page != "on":
        yield FileChecks(console, None)
        return
    async with compute(settings, 1) as own:
        yield FileChecks(
            console, FileCheck(own, room, base.clock, kinds, in_force, door="page", mode=Mode.TEST)
        )
