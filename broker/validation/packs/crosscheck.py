"""Is the pack really for the kind it says? Names, directories, rules and guide are compared with the kinds we know.

Guards against mistakes seen in official material, such as a Schematron of kind 147 that was a copy of that of 142
(semd.md §4.5): such a pack would reject every good document and pass every wrong one.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from broker.document.finding import Severity
from broker.document.kind import KindCard, KindCatalogue
from broker.validation.packs.outcome import PackFinding, shown_name

_OVERRIDE: Final = (
    "Сверьте файл с хранилищем Минздрава; если он верен, активируйте пакет с указанием причины."
)


class Claim(msgspec.Struct, frozen=True):
    """What a pack says of one kind.

    ``folders`` are the kinds its directories or its archive are named after, ``fingerprint`` tells equal rules from others.
    """

    kind: str
    templates: tuple[str, ...]
    guide: str
    folders: tuple[str, ...]
    files: tuple[str, ...]
    fingerprint: str


def cross_check(claims: Sequence[Claim], catalogue: KindCatalogue) -> tuple[PackFinding, ...]:
    """Return what does not fit together; an error keeps the pack from being activated."""
    found: list[PackFinding] = []
    for claim in claims:
        card = catalogue.get(claim.kind)
        if claim.folders and claim.kind not in claim.folders:
            found.append(_wrong_folder(claim))
        if card is None:
            found.append(_unknown(claim))
            continue
        found += [one for one in (_rules(claim, card, catalogue), _guide(claim, card, catalogue)) if one]
    return (*found, *_copies(claims, catalogue))


def _rules(claim: Claim, card: KindCard, catalogue: KindCatalogue) -> PackFinding | None:
    """Compare the templateId in the rules with the kind's."""
    if not claim.files:
        return None
    if not claim.templates:
        return _finding(
            claim,
            Severity.WARNING,
            "pack.no_template",
            f"Вид {claim.kind}: правила не называют templateId, и сверить с ним вид нельзя.",
            "Убедитесь по названию и самопроверке, что это правила нужного вида.",
        )
    if any(card.accepts_template(template) for template in claim.templates):
        return None
    owners = [other.code for other in catalogue if any(map(other.accepts_template, claim.templates))]
    belongs = f"он принадлежит виду {', '.join(owners[:3])}" if owners else "такого нет и у других видов"
    return _finding(
        claim,
        Severity.ERROR if owners or card.templates_seen else Severity.WARNING,
        "pack.kind_mismatch",
        f"Файл назван видом {claim.kind}, а правила требуют templateId {claim.templates[0]}: {belongs}. "
        f"У вида {claim.kind} templateId {' или '.join(card.templates or (card.guide or 'неизвестен',))}.",
        _OVERRIDE,
    )


def _guide(claim: Claim, card: KindCard, catalogue: KindCatalogue) -> PackFinding | None:
    """Compare the guide in the archive's name with the kind's."""
    if not claim.guide or not card.guide or claim.guide == card.guide:
        return None
    owners = [other.code for other in catalogue if other.guide == claim.guide]
    fits = any(card.accepts_template(template) for template in claim.templates)
    belongs = (
        f"оно принадлежит виду {', '.join(owners[:3])}"
        if owners
        else "ни одному известному виду оно не принадлежит"
    )
    return _finding(
        claim,
        Severity.ERROR if owners and not fits else Severity.WARNING,
        "pack.guide_mismatch",
        f"Пакет выпущен для руководства {claim.guide}, {belongs}; у вида {claim.kind} руководство {card.guide}.",
        _OVERRIDE,
    )


def _wrong_folder(claim: Claim) -> PackFinding:
    return _finding(
        claim,
        Severity.ERROR,
        "pack.kind_mismatch",
        f"Правила названы видом {claim.kind}, а каталог или архив — видом {', '.join(claim.folders[:3])}.",
        _OVERRIDE,
    )


def _unknown(claim: Claim) -> PackFinding:
    return _finding(
        claim,
        Severity.WARNING,
        "pack.kind_not_known",
        f"Вид {claim.kind} неизвестен платформе: сверить пакет не с чем, документы этого вида не принимаются.",
        "Добавьте вид в schemas/nsi/kinds.toml по справочнику 1.2.643.5.1.13.13.11.1520.",
    )


def _copies(claims: Sequence[Claim], catalogue: KindCatalogue) -> tuple[PackFinding, ...]:
    """Tell of kinds with the very same rules under different names, unless they are known to share a templateId."""
    found: list[PackFinding] = []
    first: dict[str, Claim] = {}
    for claim in claims:
        twin = first.setdefault(claim.fingerprint, claim)
        card = catalogue.get(claim.kind)
        known = card is not None and any(map(card.accepts_template, claim.templates))
        if twin is not claim and twin.files and twin.files != claim.files and not known:
            found.append(
                _finding(
                    claim,
                    Severity.WARNING,
                    "pack.same_rules",
                    f"Правила видов {twin.kind} и {claim.kind} совпадают до байта.",
                    "Так бывает у видов с общим руководством; иначе один файл скопирован вместо другого.",
                )
            )
    return tuple(found)


def _finding(claim: Claim, severity: Severity, code: str, message: str, fix: str) -> PackFinding:
    file = shown_name(claim.files[0]) if claim.files else ""
    return PackFinding(severity, code, message, fix, file, claim.kind)
