"""What the НСИ layer says: in Russian, what is wrong, what НСИ has instead, how to mend it and who must.

Codes and names of public dictionaries may be shown. A diagnosis may not: of a dictionary marked private only the place is
told. And a value that stands in no dictionary may be anything, a name or a number of a person included: of such a
text only the words that НСИ has at this code are repeated.
"""

import re
from typing import Final

from broker.document.finding import Finding, Layer, Location, Responsible, Severity, Source
from broker.validation.nsi.shelf import Edition, Standing

_LONGEST: Final = 160
_HIDDEN: Final = "•••"
_DIAGNOSIS: Final = re.compile(r"[A-ZА-Я]\d{2}(?!\d)")
_PLAIN_CODE: Final = re.compile(r"[A-Za-z0-9._+-]{1,32}")
_LONG_NUMBER: Final = re.compile(r"\d{8}|(?:\d[-. ]?){9}")
_OID_LIKE: Final = re.compile(r"\s*\d(?:\.\s*\d{1,9}){3,}\.?\s*")
_WHO: Final = {"nsi.newer_version": Responsible.OPERATOR, "nsi.unknown_code": Responsible.CLINIC}
"""Who must act where it is not the programmer of the МИС, as the catalogue of codes says too."""
_WORD: Final = re.compile(r"\w+")


def of_standing(
    standing: Standing, place: tuple[str, str], held: tuple[str, ...], location: Location
) -> Finding | None:
    """Word what is wrong with the edition a document names, once for the edition; None when nothing is to be told."""
    oid, version = place[0][:_LONGEST], place[1][:40]
    newest = held[-1] if held else ""
    match standing:
        case Standing.MALFORMED_OID:
            return _malformed_oid(place[0], location)
        case Standing.MALFORMED_VERSION | Standing.UNPUBLISHED:
            return _no_such_version(oid, version, newest, location, sure=standing is Standing.UNPUBLISHED)
        case Standing.NO_VERSION:
            return _finding(
                "nsi.version_missing",
                f"Не указана версия справочника {oid}: значения сверены с нашей новейшей, {newest}.",
                "Запишите в codeSystemVersion версию справочника, по которой выбран код.",
                location,
                expected=newest,
                severity=Severity.WARNING,
                source=Source.OWN,
                remd_code="INVALID_DICTIONARY_VERSION",
            )
        case Standing.NEWER:
            return _finding(
                "nsi.newer_version",
                f"Редакция {version} справочника {oid} новее наших (последняя — {newest}): её значения не сверены.",
                "Клинике делать ничего не нужно; оператор загрузит новую редакцию справочника.",
                location,
                value=version,
                severity=Severity.WARNING,
                source=Source.OWN,
                remd_code="INVALID_DICTIONARY_VERSION",
            )
        case Standing.NOT_HELD:
            return _finding(
                "nsi.version_not_held",
                f"Редакции {version} справочника {oid} у нас нет (есть {_some(held)}): её значения не сверены.",
                "Если МИС может, перейдите на новую редакцию справочника: РЭМД может не принять старую.",
                location,
                value=version,
                expected=newest,
                severity=Severity.WARNING,
                source=Source.OWN,
                remd_code="INVALID_DICTIONARY_VERSION",
            )
        case _:
            return None


def _malformed_oid(oid: str, location: Location) -> Finding:
    return _finding(
        "nsi.oid_malformed",
        "OID справочника записан неверно: такого справочника нет.",
        "Запишите в codeSystem OID справочника НСИ: цифры через точку, без пробелов и букв.",
        location,
        value=oid[:_LONGEST] if _OID_LIKE.fullmatch(oid) else _code_shown(oid, private=False),
        remd_code="INVALID_DICTIONARY_OID",
    )


def _no_such_version(oid: str, version: str, newest: str, location: Location, *, sure: bool) -> Finding:
    return _finding(
        "nsi.unknown_version" if sure else "nsi.version_malformed",
        f"Справочник {oid}: такой версии НСИ не публиковала."
        if sure
        else f"Справочник {oid}: версия записана не так, как нумерует НСИ.",
        "Запишите в codeSystemVersion версию из паспорта справочника: числа через точку, например 4.2.",
        location,
        value=_code_shown(version, private=False),
        expected=newest,
        source=Source.OFFICIAL if sure else Source.SEEN,
        remd_code="INVALID_DICTIONARY_OID",
    )


def dictionary_not_allowed(oid: str, location: Location) -> Finding:
    """Word a dictionary the guide of the kind does not name."""
    return _finding(
        "nsi.dictionary_not_allowed",
        f"Руководство этого вида документа не называет справочник {oid[:_LONGEST]}.",
        "Возьмите справочник, который для этого элемента называет руководство по реализации.",
        location,
        severity=Severity.WARNING,
        source=Source.SEEN,
        remd_code="INVALID_DICTIONARY",
    )


def version_not_allowed(oid: str, version: str, allowed: tuple[str, ...], location: Location) -> Finding:
    """Word an edition the guide of the kind does not allow, in РЭМД's own terms."""
    return _finding(
        "nsi.version_not_allowed",
        f"Справочник {oid[:_LONGEST]}: редакция {version[:40]} недопустима для этого вида документа по справочнику 99.2.805.",
        "Перейдите на требуемую редакцию справочника: РЭМД может отказать.",
        location,
        value=version[:40],
        expected=", ".join(allowed[:5]),
        severity=Severity.WARNING,
        source=Source.SEEN,
        remd_code="INVALID_DICTIONARY_VERSION",
    )


def unknown_code(
    edition: Edition, element: str, code: str, *, right: str | None, certain: bool, location: Location
) -> Finding:
    """Word a code that is not in the edition; ``right`` is the code НСИ has for the name that stands beside it."""
    shown = _code_shown(code, private=edition.private, coded=element == "value")
    helpful = right if right is not None and not edition.private else None
    said = f" Указанному наименованию соответствует код {helpful}." if helpful else ""
    return _finding(
        "nsi.unknown_code",
        f"{_of(edition)} кода нет.{said}" if certain else f"{_of(edition)}, нашей новейшей, кода нет.{said}",
        "Выберите значение из этой редакции справочника или укажите редакцию, в которой оно есть.",
        location,
        value=shown,
        expected=helpful,
        severity=Severity.ERROR if certain else Severity.WARNING,
        remd_code="INVALID_ELEMENT_VALUE_CODE",
    )


def name_mismatch(
    edition: Edition, stated: str, right: str, location: Location, *, public: bool, certain: bool
) -> Finding:
    """Word a displayName unlike the name НСИ has; ``public`` tells that it is the name of another code there."""
    return _finding(
        "nsi.name_mismatch",
        f"{_of(edition)} у этого кода другое наименование.",
        "Запишите в displayName наименование из справочника буква в букву или исправьте код.",
        location,
        value=_name_shown(stated, right, public=public, private=edition.private),
        expected=None if edition.private else right[:_LONGEST],
        severity=Severity.ERROR if certain else Severity.WARNING,
        remd_code="INVALID_ELEMENT_VALUE_NAME",
    )


def name_missing(edition: Edition, right: str, location: Location) -> Finding:
    """Word a coded value without a displayName."""
    return _finding(
        "nsi.name_missing",
        f"{_of(edition)}: у кода не записано наименование.",
        "Запишите в displayName наименование этого кода из справочника.",
        location,
        expected=None if edition.private else right[:_LONGEST],
        severity=Severity.WARNING,
        source=Source.OWN,
        remd_code="INVALID_ELEMENT_VALUE_NAME",
    )


def other_title(edition: Edition, stated: str, location: Location) -> Finding:
    """Word a codeSystemName unlike the passport's fullName; no answer of РЭМД about it was seen, so it warns."""
    return _finding(
        "nsi.dictionary_name",
        f"Справочник {edition.oid}, редакция {edition.version}, называется иначе.",
        "Запишите в codeSystemName полное наименование из паспорта справочника.",
        location,
        value=_name_shown(stated, edition.full_name, public=False, private=False),
        expected=edition.full_name[:300],
        severity=Severity.WARNING,
        source=Source.SEEN,
    )


def _of(edition: Edition) -> str:
    title = f" «{edition.title[:80]}»" if edition.title else ""
    return f"В справочнике {edition.oid}{title}, редакция {edition.version},"


def _some(versions: tuple[str, ...]) -> str:
    return ", ".join(reversed(versions[-3:]))


def _code_shown(code: str, *, private: bool, coded: bool = False) -> str:
    """Show a code that cannot be a diagnosis or a number of a person."""
    if not code.strip():
        return "(пусто)"
    diagnosis = private or (coded and _DIAGNOSIS.match(code))
    if diagnosis or not _PLAIN_CODE.fullmatch(code) or (_LONG_NUMBER.search(code) and "." not in code):
        return f"(скрыто, знаков: {len(code)})"
    return code


def _name_shown(stated: str, right: str, *, public: bool, private: bool) -> str:
    if private:
        return f"(скрыто, знаков: {len(stated)})"
    if public:
        return stated[:_LONGEST]
    known = {word.casefold() for word in _WORD.findall(right)}
    shown = _WORD.sub(
        lambda word: word[0] if word[0].casefold() in known else _HIDDEN, stated[: 2 * _LONGEST]
    )
    return shown[:_LONGEST]


def _finding(
    code: str,
    message: str,
    fix: str,
    location: Location,
    *,
    value: str | None = None,
    expected: str | None = None,
    severity: Severity = Severity.ERROR,
    source: Source = Source.OFFICIAL,
    remd_code: str | None = None,
) -> Finding:
    return Finding(
        layer=Layer.NSI,
        severity=severity,
        code=code,
        message=message,
        fix=fix,
        location=location,
        value=value,
        expected=expected or None,
        responsible=_WHO.get(code, Responsible.MIS),
        source=source,
        remd_code=remd_code,
    )
