"""A document whose outcome no column takes is set aside alone; those that were to be committed with it finish.

The doors let no such text in any more, so it is put behind them: a role with a NUL, which a finding would quote.
"""

from pathlib import Path

from builders import a_document, a_submission, an_arrival
from in_process import KEY, House, a_house
from partner import Partner, until
from scripted import Scripted
from servers import Databases

from broker.adapter_kit import Registered
from broker.archive import Codec, MasterKeys, SealedPart
from broker.dev.world import Signers, World
from broker.document.receipt import Receipt
from broker.document.submission import SignatureKind
from broker.intake.read import Arrival
from broker.store.intake import IntakeStore

NUL = SealedPart(SignatureKind.PERSONAL, b"no container", "AUTHOR\0")


async def test_a_document_whose_outcome_cannot_be_kept_is_set_aside_and_the_rest_finish(
    tmp_path: Path, databases: Databases, world: World, signers: Signers
):
    async with (
        databases.fresh() as url,
        a_house(tmp_path / "house", url, world, processes=("serve",), INAYA_PREPARE_BATCH="32") as house,
    ):
        alpha = house.partners[0]
        good = [(await alpha.submit(a_submission(world, signers))).body["id"] for _ in range(3)]
        bad = culprit(house, world)
        await IntakeStore(house.database, Codec(MasterKeys({0: KEY}))).commit([bad])
        good += [(await alpha.submit(a_submission(world, signers))).body["id"] for _ in range(3)]
        await house.start("work")
        for one in good:
            assert (await alpha.outcome(one))["status"] == "completed"
        assert (await alpha.outcome(str(bad.id)))["status"] == "failed"
        told = (await alpha.events(str(bad.id)))[-1]
        assert told["event"] == "document.failed"
        assert told["findings"][0]["code"] == "document.set_aside"
        assert "записать" in told["findings"][0]["message"]
        left = await house.database.fetchval("select count(*) from task where subject = $1", bad.id)
        assert left == 0, "it is not tried for ever"


async def test_an_answer_that_cannot_be_kept_is_in_doubt_and_those_beside_it_are_told(
    house: House, there: Scripted, alpha: Partner, world: World, signers: Signers
):
    spoilt, good = (a_submission(world, signers) for _ in range(2))
    uid = spoilt.metadata.local_uid
    there.answers[uid] = [Registered(Receipt(provider="scripted", emdr_id="4\0"))]
    there.looked_up[uid] = [Registered(Receipt(provider="scripted", emdr_id="4"))]
    first, second = [(await alpha.submit(one)).body["id"] for one in (spoilt, good)]
    await until(alpha, first, reason="adapter.bug")
    assert (await alpha.outcome(second))["status"] == "completed"
    house.pass_time(60)
    card = await alpha.outcome(first)
    assert (card["status"], card["deliveries"][0]["attempt"]) == ("completed", 1)


def culprit(house: House, world: World) -> Arrival:
    return an_arrival(
        partner_id=house.partners[0].id,
        clinic=world.clinics[0].oid,
        received_at=house.clock.now(),
        stored=a_document(b"<a/>", signatures=(NUL,)),
    )
