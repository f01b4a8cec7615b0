"""Reading a pack: unpack it, see that it is harmless, find what checks which kind, and compare what it says of itself."""

from collections.abc import Mapping
from datetime import date
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Final

from broker.document.finding import Severity
from broker.document.kind import KindCatalogue
from broker.validation import pack_layout
from broker.validation.packs.content import inspect
from broker.validation.packs.crosscheck import Claim, cross_check
from broker.validation.packs.demanded import templates_demanded
from broker.validation.packs.outcome import PackFinding, PackRefused, shown_name
from broker.validation.packs.pack import Edition, Pack
from broker.validation.packs.source import Unpacked, unpack

MAX_KINDS: Final = 16
"""Kinds of one pack; official ones have at most three."""
_YEAR: Final = 4
"""Digits of a year, which a name may begin with; the kinds of edition 12.85 have at most three."""


def read_pack(
    source: Path | bytes, name: str, catalogue: KindCatalogue, *, kind: str = ""
) -> Pack | PackRefused:
    """Read an official pack, or say why it is refused.

    ``source`` is the bytes of an archive, an archive on disk or a directory; ``name`` is what it was handed over as
    (``<project>-<branch>.zip``, ``118.zip``; a path's own name when empty): it may tell guide and kind. ``kind`` is the
    operator's word for a pack that names none. Needs no network and keeps nothing.
    """
    unpacked = unpack(source)
    if isinstance(unpacked, PackRefused):
        return unpacked
    told = inspect(unpacked.files)
    if isinstance(told, PackRefused):
        return told
    name = shown_name(name or (source.name if isinstance(source, Path) else ""))
    names = (name, *unpacked.wrappings)
    kinds = (kind,) if kind else _kinds(unpacked, names, catalogue)
    if not kinds or len(kinds) > MAX_KINDS:
        return _unnamed(too_many=bool(kinds))
    editions = tuple(_edition(one, unpacked.files) for one in kinds)
    guide = _guide(names, editions)
    wrapped = [one for name in names for one in _named(name, catalogue)]
    strange = () if set(wrapped).intersection(kinds) else tuple(wrapped)
    claims = [_claim(edition, guide, unpacked.files, strange, catalogue) for edition in editions]
    found = (*told, *cross_check(claims, catalogue), *_doubts(editions, unpacked.files))
    return _packed(name, unpacked, editions, guide, found)


def _packed(
    name: str,
    unpacked: Unpacked,
    editions: tuple[Edition, ...],
    guide: str,
    found: tuple[PackFinding, ...],
) -> Pack:
    files = unpacked.files
    title, published, registered = _told_by_readme(files)
    return Pack(
        name=name,
        digest=pack_layout.digest_of_files(files.items()),
        files=files,
        editions=editions,
        findings=tuple(sorted(dict.fromkeys(found), key=lambda one: (not one.blocks, one.code, one.file))),
        guide=guide,
        title=title,
        commit=unpacked.commit,
        published=published,
        registered_from=registered,
    )


def _kinds(unpacked: Unpacked, names: tuple[str, ...], catalogue: KindCatalogue) -> tuple[str, ...]:
    """Return the kinds a pack is for: its Schematrons' names say it, else directories, else its own name and its rules."""
    files = [PurePosixPath(path) for path in unpacked.files]
    rules = [
        kind for path in files if path.suffix.lower() == ".sch" for kind in pack_layout.kinds_named(path.name)
    ]
    folders = [
        kind
        for path in files
        if path.name.lower() == pack_layout.ROOT_SCHEMA
        for part in path.parts[:-1]
        for kind in _named(part, catalogue)
    ]
    wrapped = [kind for name in reversed(names) for kind in _named(name, catalogue)]
    for found in (rules, folders, wrapped):
        if found:
            return tuple(dict.fromkeys(found))
    guide = next(filter(None, map(pack_layout.guide_named, names)), "")
    templates = [one for one in unpacked.files if one.lower().endswith(".sch")]
    wanted = {guide, *(root for one in templates for root in templates_demanded(unpacked.files[one]))} - {""}
    cards = [card for card in catalogue if card.guide in wanted or wanted.intersection(card.templates)]
    return tuple(card.code for card in cards)


def _named(name: str, catalogue: KindCatalogue) -> tuple[str, ...]:
    """Return the kinds a directory or an archive is named after; an OID or a year is no kind."""
    if name.startswith("1.2.643."):
        return ()
    named = pack_layout.kinds_named(name)
    return tuple(kind for kind in named if len(kind) < _YEAR or catalogue.get(kind) is not None)


def _unnamed(*, too_many: bool) -> PackRefused:
    return PackRefused(
        "pack.kind_unknown",
        "По пакету нельзя понять, для какого он вида документа"
        + (": названо слишком много видов." if too_many else "."),
        "Назовите вид явно (код справочника 1.2.643.5.1.13.13.11.1520) или верните Schematron имя из хранилища, "
        "например «290 Schematron v.1.7.sch».",
    )


def _edition(kind: str, files: Mapping[str, bytes]) -> Edition:
    schematron = pack_layout.schematrons_of(files, kind)
    version = pack_layout.version_of(schematron[0], files[schematron[0]]) if schematron else ""
    templates = [template for path in schematron for template in templates_demanded(files[path])]
    return Edition(
        kind=kind,
        xsd=pack_layout.schema_of(files, kind),
        schematron=schematron,
        schematron_version=version,
        templates=tuple(dict.fromkeys(templates)),
    )


def _claim(
    edition: Edition,
    guide: str,
    files: Mapping[str, bytes],
    strange: tuple[str, ...],
    catalogue: KindCatalogue,
) -> Claim:
    folders = PurePosixPath(edition.xsd).parts[:-1] if edition.xsd else ()
    named = [kind for part in folders for kind in _named(part, catalogue)]
    return Claim(
        kind=edition.kind,
        templates=edition.templates,
        guide=guide,
        folders=strange or tuple(named),
        files=edition.schematron,
        fingerprint=sha256(b"".join(files[path] for path in edition.schematron)).hexdigest(),
    )


def _guide(names: tuple[str, ...], editions: tuple[Edition, ...]) -> str:
    """Return the guide's OID: the archive or its directory names it, else the rules do."""
    templates = [template for edition in editions for template in edition.templates]
    return next(filter(None, map(pack_layout.guide_named, [*names, *templates])), "")


def _told_by_readme(files: Mapping[str, bytes]) -> tuple[str, date | None, date | None]:
    path = pack_layout.readme_among(tuple(files))
    if path is None:
        return "", None, None
    text = files[path].decode("utf-8-sig", "replace")
    return pack_layout.title_of(text), pack_layout.published_on(text), pack_layout.registered_from(text)


def _doubts(editions: tuple[Edition, ...], files: Mapping[str, bytes]) -> tuple[PackFinding, ...]:
    """Tell what a pack lacks."""
    found: list[PackFinding] = []
    roots = [
        path
        for path in files
        if PurePosixPath(path).name.lower() == pack_layout.ROOT_SCHEMA and not pack_layout.is_generic(path)
    ]
    for edition in editions:
        if edition.xsd is None:
            found.append(
                _doubt(
                    "pack.no_schema", edition.kind, "нет схемы CDA.xsd", "структура документов не проверяется"
                )
            )
        elif pack_layout.is_generic(edition.xsd):
            found.append(
                _doubt(
                    "pack.generic_schema",
                    edition.kind,
                    "есть только общая схема CDA",
                    "структура проверяется грубее",
                )
            )
        elif len(roots) > 1 and edition.kind not in edition.xsd:
            found.append(
                _doubt(
                    "pack.several_schemas",
                    edition.kind,
                    "несколько схем, ни одна не названа видом",
                    f"взята {edition.xsd}",
                )
            )
        if not edition.schematron:
            found.append(
                _doubt("pack.no_schematron", edition.kind, "нет Schematron", "правила вида не проверяются")
            )
    return tuple(found)


def _doubt(code: str, kind: str, what: str, therefore: str) -> PackFinding:
    return PackFinding(
        Severity.WARNING,
        code,
        f"Вид {kind}: в пакете {what}; {therefore}.",
        "Проверьте, что пакет передан целиком; у старых редакций это бывает.",
        kind=kind,
    )
