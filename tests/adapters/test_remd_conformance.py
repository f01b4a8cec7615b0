"""РЭМД passes the suite every adapter passes, with bare envelopes and with signed ones."""

import functools
from datetime import timedelta

import msgspec
from aiohttp import web

from adapters.remd import ADAPTER
from adapters.remd.simulator import create
from broker.adapter_kit import Adapter, Destination, Parcel
from broker.adapter_kit.conformance import AdapterConformance
from broker.adapter_kit.harness import START, a_document, a_parcel
from broker.adapter_kit.simulation import SimulatorSetup
from broker.document.canonical import PersonName
from broker.trust.pki import Issued, ThrowAwayCa

CLIENT = "3f1f0f5e-0000-4000-8000-00000000c1e1"
CLINIC = "1.2.643.5.1.13.13.12.2.77.9001"


class TestRemd(AdapterConformance):
    def adapter(self) -> Adapter:
        return ADAPTER

    def simulator(self, setup: SimulatorSetup) -> web.Application:
        return create(setup)

    def simulator_params(self) -> dict[str, object]:
        stranger = {
            "organization": CLINIC,
            "localId": "P901",
            "surname": "Иначев",
            "gender": "2",
            "birthDate": "1977-04-18",
        }
        return {
            "systems": [{"clientEntityId": CLIENT}],
            "organizations": [{"oid": CLINIC, "systems": ["emdr-rmis-1754"]}],
            "kinds": [{"kind": "306", "opened": "2025-11-10", "patient": "snils"}],
            "patients": [stranger],
        }

    def destination(self, url: str) -> Destination:
        return Destination(
            id="remd", adapter="remd", url=f"{url}/port/emdr", params={"client_entity_id": CLIENT}
        )

    def refused_parcels(self) -> list[Parcel]:
        """One ГИП knows otherwise, one without СНИЛС, one whose name breaks our schema."""
        other = a_document(902)
        without_snils = msgspec.structs.replace(
            other, patient=msgspec.structs.replace(other.patient, snils="")
        )
        long_name = PersonName("Выдуманов" * 150, "Небылий", "Сочинович")
        named = msgspec.structs.replace(other, patient=msgspec.structs.replace(other.patient, name=long_name))
        return [a_parcel(901), a_parcel(902, document=without_snils), a_parcel(903, document=named)]


@functools.cache
def systems() -> tuple[Issued, Issued]:
    """Return the certificates of our system and of the bus."""
    authority = ThrowAwayCa.create(START - timedelta(days=1))
    window = {"not_before": START - timedelta(days=1), "not_after": START + timedelta(days=365)}
    return authority.issue_system("inaya.example", **window), authority.issue_system("ips.example", **window)


class TestRemdSigned(TestRemd):
    """Both sides sign and believe only the pinned certificate of the other."""

    burst = 5

    def simulator_params(self) -> dict[str, object]:
        own, bus = systems()
        security = {
            "peerCertificate": own.certificate_pem.decode(),
            "certificate": bus.certificate_pem.decode(),
            "key": bus.key_pem.decode(),
        }
        return {**super().simulator_params(), "security": security}

    def destination(self, url: str) -> Destination:
        own, bus = systems()
        bare = super().destination(url)
        return msgspec.structs.replace(
            bare,
            params={**bare.params, "peer_certificate": bus.certificate_pem.decode()},
            secrets={"sign_certificate": own.certificate_pem.decode(), "sign_key": own.key_pem.decode()},
        )

    async def test_an_unsigned_sender_is_not_believed(self) -> None:
        async with self.stage() as stage:
            bare = msgspec.structs.replace(stage.context.destination, secrets={})
            context = msgspec.structs.replace(stage.context, destination=bare)
            outcome = await ADAPTER.deliver(self.parcel(1), context)
            held = await stage.documents()
        assert type(outcome).__name__ == "Unavailable"
        assert held == []

    async def test_an_unsigned_caller_gets_no_file_and_tells_no_result(self) -> None:
        async with self.stage() as stage:
            await stage.send_and_settle(self.parcel(2))
            unsigned = (
                b'<s:Envelope xmlns:s="http://www.w3.org/2003/05/soap-envelope"><s:Body>'
                b"<getDocumentFileRequest><localUid>x</localUid></getDocumentFileRequest></s:Body></s:Envelope>"
            )
            async with stage.context.http.post(f"{stage.context.peer_url}/callback", data=unsigned) as answer:
                assert answer.status == 400
            assert stage.door.refused == ["destination.envelope_structure"]

    async def test_the_receipt_names_the_signing_provider(self) -> None:
        async with self.stage() as stage:
            outcome = await stage.send_and_settle(self.parcel(3))
        assert "openssl-rsa" in outcome.receipt.provider
