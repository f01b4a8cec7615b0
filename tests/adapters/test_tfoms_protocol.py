"""How a fund's papers are read, what our contract says of the calls, and how comments lose their names."""

import io
import zipfile
from base64 import b64encode
from pathlib import Path

import pytest
from lxml import etree
from tfoms_stage import CLINIC, PEOPLE, PERIOD, a_registry_parcel

import adapters.tfoms
from adapters.tfoms.privacy import Censor, scrub
from adapters.tfoms.protocol import Row, Stage, checked_files, parse, read_answer, rows, stage_of
from adapters.tfoms.service import action, envelope
from broker.adapter_kit.pieces import whole
from broker.adapter_kit.zeep_client import load_contract
from broker.samples.registry import make_bills

CONTRACT = Path(adapters.tfoms.__file__).parent / "contract"
NAME = "HM650001T65_2401001"

FEDERAL = f"""<FLK_P><FNAME>V{NAME}</FNAME><FNAME_I>{NAME}</FNAME_I>
<PR><OSHIB>003F.00.0660</OSHIB><IM_POL>P_CEL</IM_POL><NSCHET>1</NSCHET><BAS_EL>SL</BAS_EL><N_ZAP>1</N_ZAP>
<ID_PAC>00000000-0000-4000-8000-000000000001</ID_PAC><IDCASE>7</IDCASE><SL_ID>s-1</SL_ID>
<COMMENT>P_CEL обязателен для USL_OK=3</COMMENT></PR></FLK_P>"""

PRIMORYE = f"""<FLK_P><FNAME>V{NAME}</FNAME><FNAME_I>{NAME}</FNAME_I><SCHET><CODE>1</CODE></SCHET>
<ZAP><N_ZAP>5</N_ZAP><SL><SL_ID>s-5</SL_ID><IDCASE>50</IDCASE><NHISTORY>A</NHISTORY>
<OTKAZ><I_TYPE>910</I_TYPE><COMMENT>Не застрахован в ЦС ЕРЗ</COMMENT></OTKAZ>
<OTKAZ><I_TYPE>911</I_TYPE><COMMENT>Иное</COMMENT></OTKAZ></SL></ZAP></FLK_P>"""

RETURNED = """<ZL_LIST><ZAP><N_ZAP>1</N_ZAP><Z_SL><IDCASE>10</IDCASE><OPLATA>1</OPLATA></Z_SL></ZAP>
<ZAP><N_ZAP>2</N_ZAP><Z_SL><IDCASE>20</IDCASE><OPLATA>2</OPLATA>
<SANK><S_CODE>a</S_CODE><SL_ID>s-2</SL_ID><S_OSN>101</S_OSN><S_COM>Полис не действовал</S_COM></SANK></Z_SL></ZAP></ZL_LIST>"""


def packed(**files: bytes) -> str:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name.replace("__", "."), data)
    return b64encode(buffer.getvalue()).decode()


def in_1251(text: str) -> bytes:
    return b'<?xml version="1.0" encoding="windows-1251"?>' + text.encode("cp1251")


def read(text: str, *, prefer: str = "") -> list[Row]:
    answer = read_answer(packed(VHM__XML=in_1251(text)))
    assert not isinstance(answer, str)
    return rows(answer, prefer=prefer)


# ---------------------------------------------------------------------- forms of protocols


def test_the_federal_form_is_read_by_its_columns() -> None:
    assert read(FEDERAL) == [
        Row(
            rule="003F.00.0660",
            element="P_CEL",
            owner="SL",
            n_zap="1",
            id_case="7",
            sl_id="s-1",
            comment="P_CEL обязателен для USL_OK=3",
        )
    ]


@pytest.mark.parametrize("prefer", ["", "federal", "primorye"])
def test_the_form_of_primorye_gives_a_row_per_refusal(prefer: str) -> None:
    assert read(PRIMORYE, prefer=prefer) == [
        Row(rule="910", n_zap="5", id_case="50", sl_id="s-5", comment="Не застрахован в ЦС ЕРЗ"),
        Row(rule="911", n_zap="5", id_case="50", sl_id="s-5", comment="Иное"),
    ]


def test_a_returned_bill_tells_of_unpaid_cases_only() -> None:
    assert read(RETURNED) == [
        Row(rule="101", n_zap="2", id_case="20", sl_id="s-2", comment="Полис не действовал")
    ]


def test_rows_of_two_files_are_joined_and_repeats_dropped() -> None:
    answer = read_answer(packed(A__XML=in_1251(FEDERAL), B__xml=in_1251(FEDERAL), C__XML=in_1251(PRIMORYE)))
    assert not isinstance(answer, str)
    assert [row.rule for row in rows(answer)] == ["003F.00.0660", "910", "911"]


def test_a_protocol_without_rows_and_a_foreign_one_say_nothing() -> None:
    assert read(f"<FLK_P><FNAME>V</FNAME><FNAME_I>{NAME}</FNAME_I></FLK_P>") == []
    assert read("<OTHER><PR><OSHIB>1</OSHIB></PR></OTHER>") == []


@pytest.mark.parametrize("written", [NAME, NAME.lower(), f"{NAME}.XML", f"{NAME}.Zip", f" {NAME} "])
def test_the_checked_file_is_recognised_however_it_is_written(written: str) -> None:
    answer = read_answer(packed(V__xml=in_1251(FEDERAL.replace(f"I>{NAME}", f"I>{written}"))))
    assert not isinstance(answer, str)
    assert checked_files(answer) == {NAME}


# ---------------------------------------------------------------------- bytes


@pytest.mark.parametrize(
    "data",
    [
        in_1251("<a>Ошибка</a>"),
        '<?xml version="1.0" encoding="utf-8"?><a>Ошибка</a>'.encode(),
        '<?xml version="1.0" encoding="windows-1251"?><a>Ошибка</a>'.encode(),
        b'<?xml version="1.0" encoding="utf-8"?><a>' + "Ошибка".encode("cp1251") + b"</a>",
        "<a>Ошибка</a>".encode(),
        '\ufeff<?xml version="1.0" encoding="utf-8"?><a>Ошибка</a>'.encode(),
    ],
)
def test_bytes_are_believed_more_than_the_declaration(data: bytes) -> None:
    root = parse(data)
    assert root is not None
    assert root.text == "Ошибка"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<a>",
        b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>',
    ],
)
def test_a_dangerous_or_broken_file_is_not_read(data: bytes) -> None:
    assert parse(data) is None


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "zip_not_zip"),
        ("???", "not_base64"),
        (b64encode(b"no archive").decode(), "zip_not_zip"),
        (packed(a__XML=b"<a>"), "not_xml"),
        (packed(**{"x/../a__XML": b"<a/>"}), "zip_unsafe_name"),
        (packed(a__zip=b"PK"), "zip_nested"),
        (packed(a__XML=b"<a>" + b" " * 70_000_000 + b"</a>"), "zip_bomb"),
    ],
)
def test_an_answer_that_cannot_be_opened_says_why(text: str, reason: str) -> None:
    assert read_answer(text) == reason


def test_base64_may_hold_line_breaks() -> None:
    text = packed(a__XML=b"<a/>")
    assert not isinstance(
        read_answer("\r\n".join(text[place : place + 76] for place in range(0, 500, 76))), str
    )


# ---------------------------------------------------------------------- states


@pytest.mark.parametrize("stage", list(Stage))
def test_every_state_is_recognised_by_its_name(stage: Stage) -> None:
    assert stage_of(stage) is stage
    assert stage_of(f"  {stage.replace('Счет', 'Счёт')} ") is stage


def test_a_prefix_is_allowed_and_an_unknown_state_is_none() -> None:
    assert stage_of("Обработан. Предварительный МЭК пройден") is Stage.MEK_PASSED
    assert stage_of("ОСН ФЛК не пройден") is Stage.FLK_FAILED
    assert stage_of("Счёт передан в СМО") is None
    assert stage_of("") is None


# ---------------------------------------------------------------------- our contract


@pytest.mark.parametrize(
    ("wsdl", "operation", "members"),
    [
        ("AuthService", "GetServiceToken", {"login": "л", "psw": "<&>", "orgType": "MO"}),
        ("ProtService", "SendProtocolMO", {"token": "t", "MOCode": "650001", "data": b"\x00zip\xff" * 50}),
        ("ProtService", "GetProtocolStatusMO", {"token": "t", "MOCode": "650001", "protUNID": "u"}),
        ("ProtService", "GetProtocolErrorsMO", {"token": "t", "MOCode": "650001", "protUNID": "u"}),
        ("ProtService", "GetProtocolForMO", {"token": "t", "MOCode": "650001", "protUNID": "u"}),
    ],
)
def test_what_we_send_is_what_the_contract_says(
    wsdl: str, operation: str, members: dict[str, str | bytes]
) -> None:
    contract = load_contract(CONTRACT / f"{wsdl}.wsdl")
    ours = etree.fromstring(whole(envelope(operation, members)))
    typed = contract.envelope(operation, **members)
    assert contract.violations(ours) == []
    assert contract.action(operation) == action(operation)
    assert _plain(ours) == _plain(typed)


def _plain(root: etree._Element) -> list[tuple[str, str]]:
    return [(element.tag, (element.text or "").replace("\n", "")) for element in root.iter()]


# ---------------------------------------------------------------------- names in comments


def test_names_are_masked_in_every_case_of_the_language() -> None:
    parcel = a_registry_parcel(count=1)
    name = make_bills(PEOPLE, CLINIC, period=PERIOD, count=1)[0].patient.name
    stem = name.family.removesuffix("ый").removesuffix("ая")
    censor = Censor(parcel.content)
    for family in (name.family, f"{stem}ого", f"{stem}ому", f"{stem}ой", name.family.upper()):
        said = censor.clean(f"Пациент {family} не найден, полис 7712345678901234, ДР 01.02.1980")
        assert said == "Пациент ••• не найден, полис •••, ДР •••", family


def test_ordinary_words_stay() -> None:
    censor = Censor(a_registry_parcel(count=3).content)
    text = "Отсутствует направление: код МО 770001, услуга B01.047.001, USL_OK=1, сумма 1200.00"
    assert censor.clean(text) == text


def test_a_package_that_cannot_be_opened_leaves_numbers_masked() -> None:
    assert Censor(b"no zip").clean("полис 7712345678901234") == "полис •••"


def test_a_service_text_is_short_and_without_numbers() -> None:
    assert scrub("СНИЛС 112-233-445 95\n" + "x" * 500).startswith("СНИЛС •••")
    assert len(scrub("x" * 500)) == 300
