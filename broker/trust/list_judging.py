"""May a revocation list that was fetched take the place of the one held?"""

from pathlib import Path

from broker.trust.authority import Link, RevocationList, read_link
from broker.trust.directory import INTERMEDIATES, ROOTS, TrustRefused, files_of, lists_of, read_certificates
from broker.trust.provider import Provider
from broker.trust.providers import process_provider


def judge_list(directory: Path, raw: bytes, old: bytes, provider: Provider | None = None) -> str:
    """Return in Russian what a good list is; raise ``TrustRefused`` saying why another must not be taken."""
    found = [RevocationList(der) for der in lists_of(raw, "ответ")]
    held = {one.issuer: one for one in map(RevocationList, lists_of(old, "прежний список") if old else [])}
    for one in found:
        _refuse_unsigned(directory, one, provider or process_provider())
        before = held.pop(one.issuer, None)
        if before is not None and one.last_update < before.last_update:
            raise TrustRefused(f"список от {one.last_update:%d.%m.%Y %H:%M} старше нашего")
    if held:
        raise TrustRefused("это список другого центра")
    newest = max(found, key=lambda one: one.last_update)
    until = f", до {newest.next_update:%d.%m.%Y %H:%M}" if newest.next_update else ""
    return f"список от {newest.last_update:%d.%m.%Y %H:%M}{until}"


def _refuse_unsigned(directory: Path, one: RevocationList, provider: Provider) -> None:
    """Refuse a list none of the directory's authorities signed; one nobody here can check passes with the rest of ГОСТ."""
    answers = [
        one.signed_by(link, provider) for link in _authorities(directory) if link.subject == one.issuer
    ]
    if not answers:
        raise TrustRefused("это список центра, которого нет в каталоге")
    if True not in answers and None not in answers:
        raise TrustRefused("подпись списка неверна")


def _authorities(directory: Path) -> list[Link]:
    found = [
        read_link(der)
        for part in (ROOTS, INTERMEDIATES)
        for path in files_of(directory / part)
        for der in read_certificates(path)
    ]
    return [link for link in found if link is not None]
