"""``inaya send``: hand documents over as a partner's program would, wait, and show what came of each."""

import argparse
import asyncio
import base64
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import aiohttp
import msgspec

from broker.cli.checking import read_document, read_signature, signature_argument
from broker.cli.running import ROOT
from broker.cli.terminal import CommandFailed, Parsers, command, say
from broker.dev.endpoints import Endpoints, read_endpoints
from broker.document.facts import SubmissionFacts
from broker.document.identity import is_clinic_oid
from broker.document.kind import KindCatalogue
from broker.document.markup import Markup, parse
from broker.document.submission import Content, Metadata, SignaturePart, Submission, SubmissionType
from broker.normalizer.cda import canonical

FINAL: Final = frozenset({"completed", "rejected", "unroutable", "failed"})
PAUSE: Final = 1.0
TIMEOUT: Final = aiohttp.ClientTimeout(total=60, connect=10)


class Target(msgspec.Struct, frozen=True, kw_only=True):
    """Where documents go and as whom: the address of the API and the secret of the clinic's partner."""

    url: str
    secret: str
    endpoints: Endpoints | None = None

    def secret_for(self, clinic: str) -> str:
        """Return the secret of whoever may speak for the clinic."""
        if self.secret or self.endpoints is None:
            return self.secret
        for partner in self.endpoints.partners:
            if clinic in {one.oid for one in partner.clinics}:
                return partner.secret
        known = ", ".join(one.oid for partner in self.endpoints.partners for one in partner.clinics)
        raise CommandFailed(f"клиника {clinic} не закреплена ни за одним партнёром стенда; есть: {known}")


def add_to(parsers: Parsers) -> None:
    """Declare the command of this family."""
    send = command(
        parsers,
        "send",
        _send,
        "сдать документы как партнёр (HTTP), дождаться исхода; 0 — все завершены успешно",
    )
    send.add_argument(
        "files",
        nargs="+",
        type=Path,
        metavar="FILE",
        help="СЭМД (XML), реестр (ZIP) или готовая заявка (JSON)",
    )
    signature_argument(send)
    send.add_argument("--kind", default="", help="код вида (…11.1520); без него — по самому документу")
    send.add_argument(
        "--clinic", default="", help="OID клиники; без него — организация-владелец из документа"
    )
    send.add_argument("--tfoms", default="", help="для реестра: фонд, код субъекта")
    send.add_argument("--period", default="", help="для реестра: отчётный период, ГГГГ-ММ")
    send.add_argument("--url", default="", help="адрес дверей, например https://broker.example")
    send.add_argument("--secret-file", type=Path, help="файл с ключом партнёра (inaya_…)")
    send.add_argument(
        "--state-dir", type=Path, default=Path(".inaya"), help="стенд inaya dev, если нет --url"
    )
    send.add_argument(
        "--wait", type=float, default=60.0, help="сколько секунд ждать исхода каждого документа"
    )


def _target(arguments: argparse.Namespace) -> Target:
    if arguments.url:
        if arguments.secret_file is None:
            raise CommandFailed("назовите файл с ключом партнёра: --secret-file")
        secret = read_document(arguments.secret_file).decode("utf-8", "replace").strip()
        return Target(url=arguments.url.rstrip("/"), secret=secret)
    endpoints = read_endpoints(arguments.state_dir)
    if endpoints is None:
        raise CommandFailed(
            f"в каталоге {arguments.state_dir} нет работающего стенда; назовите --url и --secret-file"
        )
    return Target(url=endpoints.http, secret="", endpoints=endpoints)


def _send(arguments: argparse.Namespace) -> int:
    if arguments.signature and len(arguments.files) > 1:
        raise CommandFailed("подписи относятся к одному файлу: сдавайте подписанные документы по одному")
    target = _target(arguments)
    submissions = [(path, make_submission(path, arguments)) for path in arguments.files]
    return asyncio.run(_send_all(target, submissions, arguments.wait))


def make_submission(path: Path, arguments: argparse.Namespace) -> Submission:
    """Compose the submission of a file: clinic and kind come from the document unless they are named."""
    content = read_document(path)
    if content.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{"):
        try:
            return msgspec.json.decode(content.removeprefix(b"\xef\xbb\xbf"), type=Submission)
        except msgspec.DecodeError as error:
            raise CommandFailed(f"{path}: не заявка ({error})") from error
    registry = content.startswith(b"PK\x03\x04")
    clinic, kind = arguments.clinic, arguments.kind
    if not registry and not (clinic and kind):
        said_clinic, said_kind = _said(content)
        clinic, kind = clinic or said_clinic, kind or said_kind
    if not clinic:
        raise CommandFailed(f"{path}: не видно, какая это клиника; назовите --clinic OID")
    return Submission(
        clinic=clinic,
        content=Content(
            data=base64.b64encode(content).decode(),
            media_type="application/zip" if registry else "application/xml",
        ),
        message_id=str(uuid4()),
        type=SubmissionType.OMS_REGISTRY if registry else SubmissionType.SEMD,
        kind=None if registry else kind or None,
        signatures=[_part(text) for text in arguments.signature],
        metadata=Metadata(tfoms=arguments.tfoms or None, period=arguments.period or None),
    )


def _part(text: str) -> SignaturePart:
    sealed = read_signature(text)
    return SignaturePart(kind=sealed.kind, data=base64.b64encode(sealed.data).decode(), role=sealed.role)


def _said(content: bytes) -> tuple[str, str]:
    """Return clinic and kind as the document itself names them, empty where it does not."""
    markup = parse(content)
    if not isinstance(markup, Markup):
        return "", ""
    catalogue = KindCatalogue.load(ROOT / "schemas" / "nsi" / "kinds.toml")
    document, _ = canonical(markup, SubmissionFacts(), catalogue)
    clinic = next(
        (oid for oid in (document.custodian_oid, document.author_organization) if is_clinic_oid(oid)), ""
    )
    return clinic, document.kind


async def _send_all(target: Target, submissions: list[tuple[Path, Submission]], patience: float) -> int:
    worst = 0
    async with aiohttp.ClientSession(timeout=TIMEOUT) as http:
        for path, submission in submissions:
            headers = {"Authorization": f"Bearer {target.secret_for(submission.clinic)}"}
            try:
                status = await _one(http, target.url, path, submission, headers, patience)
            except (aiohttp.ClientError, TimeoutError) as error:
                raise CommandFailed(f"{target.url} не отвечает ({type(error).__name__})") from error
            worst = max(worst, status)
    return worst


async def _one(
    http: aiohttp.ClientSession,
    url: str,
    path: Path,
    submission: Submission,
    headers: Mapping[str, str],
    patience: float,
) -> int:
    given = {**headers, "Content-Type": "application/json"}
    async with http.post(
        f"{url}/api/v1/documents", data=msgspec.json.encode(submission), headers=given
    ) as response:
        answer = await _body(response)
        if response.status not in {200, 202}:
            say(f"{path}: отказ {response.status} {answer.get('code', '')}")
            _tell_findings(answer.get("findings", []))
            say(f"  {answer.get('detail', '')} {answer.get('fix', '')}".rstrip())
            return 1
    say(f"{path}: принят, документ {answer['id']}")
    document = await _outcome(http, f"{url}/api/v1/documents/{answer['id']}", headers, patience)
    return await _tell(http, f"{url}/api/v1/documents/{answer['id']}", headers, document)


async def _outcome(
    http: aiohttp.ClientSession, url: str, headers: Mapping[str, str], patience: float
) -> dict[str, Any]:
    until = time.monotonic() + patience
    while True:
        async with http.get(url, headers=headers) as response:
            document = await _body(response)
        if document.get("status") in FINAL or time.monotonic() >= until:
            return document
        await asyncio.sleep(PAUSE)


async def _tell(
    http: aiohttp.ClientSession, url: str, headers: Mapping[str, str], document: dict[str, Any]
) -> int:
    status = str(document.get("status", ""))
    say(f"  {status}")
    if status == "rejected":
        async with http.get(f"{url}/report", headers=headers) as response:
            _tell_findings((await _body(response)).get("findings", []))
    for delivery in document.get("deliveries", []):
        receipt = delivery.get("receipt") or {}
        number = receipt.get("emdrId") or receipt.get("gisId") or receipt.get("result") or ""
        say(
            f"  {delivery['destination']}: {delivery['status']} {number} {delivery.get('reason', '')}".rstrip()
        )
        _tell_findings(delivery.get("findings", []))
    if status not in FINAL:
        say("  Исход ещё не известен: спросите позже (GET /api/v1/documents/{id}) или читайте ленту событий.")
    return 0 if status == "completed" else 1


def _tell_findings(findings: list[dict[str, Any]]) -> None:
    for finding in findings:
        say(f"    {finding.get('severity', '')} {finding.get('code', '')}: {finding.get('message', '')}")
        if finding.get("fix"):
            say(f"      → {finding['fix']}")


async def _body(response: aiohttp.ClientResponse) -> dict[str, Any]:
    try:
        return msgspec.json.decode(await response.read(), type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise CommandFailed(
            f"{response.url.host} ответил не по контракту (HTTP {response.status})"
        ) from error
