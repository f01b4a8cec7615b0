"""A contract is read from its own folder alone, once, and its messages are checked without telling values."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
import zeep.exceptions
from aiohttp import web

from broker.adapter_kit.harness import serving
from broker.adapter_kit.zeep_client import (
    AiohttpTransport,
    AnswerTooLargeError,
    Contract,
    ContractError,
    Violation,
    contract_of,
    load_contract,
)

WSDL = """<?xml version="1.0"?>{doctype}
<wsdl:definitions xmlns:wsdl="http://schemas.xmlsoap.org/wsdl/" xmlns:soap="http://schemas.xmlsoap.org/wsdl/soap/"
    xmlns:xs="http://www.w3.org/2001/XMLSchema" xmlns:t="urn:test" targetNamespace="urn:test" name="Test">
  <wsdl:types><xs:schema targetNamespace="urn:test" elementFormDefault="qualified">{imports}
    <xs:element name="Ask"><xs:complexType><xs:sequence>
      <xs:element name="number" type="xs:int"/><xs:element name="word" type="xs:string" minOccurs="0"/>
    </xs:sequence></xs:complexType></xs:element>
    <xs:element name="Answer"><xs:complexType><xs:sequence>
      <xs:element name="word" type="xs:string"/></xs:sequence></xs:complexType></xs:element>
  </xs:schema></wsdl:types>
  <wsdl:message name="in"><wsdl:part name="p" element="t:Ask"/></wsdl:message>
  <wsdl:message name="out"><wsdl:part name="p" element="t:Answer"/></wsdl:message>
  <wsdl:portType name="port"><wsdl:operation name="Ask"><wsdl:input message="t:in"/>
    <wsdl:output message="t:out"/></wsdl:operation></wsdl:portType>
  <wsdl:binding name="b" type="t:port"><soap:binding transport="http://schemas.xmlsoap.org/soap/http"/>
    <wsdl:operation name="Ask"><soap:operation soapAction="urn:test/Ask" style="document"/>
      <wsdl:input><soap:body use="literal"/></wsdl:input><wsdl:output><soap:body use="literal"/></wsdl:output>
    </wsdl:operation></wsdl:binding>
  <wsdl:service name="s"><wsdl:port name="p" binding="t:b"><soap:address location="http://127.0.0.1:9/"/>
  </wsdl:port></wsdl:service>
</wsdl:definitions>"""

ANSWER = (
    '<e:Envelope xmlns:e="http://schemas.xmlsoap.org/soap/envelope/"><e:Body>'
    '<Answer xmlns="urn:test"><word>{word}</word></Answer></e:Body></e:Envelope>'
)


def a_wsdl(folder: Path, *, doctype: str = "", imports: str = "") -> Path:
    path = folder / "test.wsdl"
    path.write_text(WSDL.format(doctype=doctype, imports=imports))
    return path


def test_a_message_is_built_and_checked(tmp_path: Path):
    contract = Contract(a_wsdl(tmp_path))
    assert contract.operations == ("Ask",)
    assert contract.action("Ask") == "urn:test/Ask"
    envelope = contract.envelope("Ask", number=5, word="слово")
    assert contract.violations(envelope) == []
    envelope.find(".//{urn:test}number").text = "Секретов"
    assert contract.violations(envelope) == [Violation("Ask/number", "SCHEMAV_CVC_DATATYPE_VALID_1_2_1")]
    envelope[0].clear()
    assert contract.violations(envelope) == [Violation("/Envelope/Body", "SOAP_BODY")]


def test_an_unknown_member_is_our_mistake(tmp_path: Path):
    with pytest.raises(TypeError, match="surprise"):
        Contract(a_wsdl(tmp_path)).envelope("Ask", number=1, surprise="x")


def test_a_wsdl_with_a_dtd_is_refused(tmp_path: Path):
    with pytest.raises(zeep.exceptions.DTDForbidden):
        Contract(a_wsdl(tmp_path, doctype='<!DOCTYPE x SYSTEM "http://127.0.0.1:9/x.dtd">'))


@pytest.mark.parametrize("scheme", ["http://127.0.0.1:9/x.xsd", "https://127.0.0.1:9/x.xsd"])
def test_nothing_is_fetched_from_the_network(tmp_path: Path, scheme: str):
    imports = f'<xs:import namespace="urn:x" schemaLocation="{scheme}"/>'
    with pytest.raises(zeep.exceptions.ExternalReferenceForbidden):
        Contract(a_wsdl(tmp_path, imports=imports))


def test_nothing_is_read_from_another_folder(tmp_path: Path):
    (tmp_path / "x.xsd").write_text('<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema"/>')
    inner = tmp_path / "contract"
    inner.mkdir()
    imports = '<xs:import namespace="urn:x" schemaLocation="../x.xsd"/>'
    with pytest.raises(ContractError, match=r"x\.xsd"):
        Contract(a_wsdl(inner, imports=imports))


async def test_a_contract_is_loaded_once_even_when_many_ask_at_once(tmp_path: Path):
    wsdl = await asyncio.to_thread(a_wsdl, tmp_path)
    first, *others = await asyncio.gather(*(contract_of(wsdl) for _ in range(5)))
    assert all(other is first for other in others)
    assert load_contract(wsdl) is first


def answering(body: str, *, status: int = 200) -> web.Application:
    async def answer(request: web.Request) -> web.Response:
        assert request.headers["SOAPAction"] == '"urn:test/Ask"'
        await request.read()
        return web.Response(text=body, status=status, content_type="text/xml")

    app = web.Application(client_max_size=32 * 1024 * 1024)
    app.router.add_post("/", answer)
    return app


async def test_a_typed_call_goes_over_our_own_session(tmp_path: Path):
    contract = Contract(await asyncio.to_thread(a_wsdl, tmp_path))
    async with serving(answering(ANSWER.format(word="да"))) as url, aiohttp.ClientSession() as http:
        service = contract.service(http, url, timeout=5)
        assert await service.Ask(number=1) == "да"
        assert await service.Ask(number=1, word="x" * 11_000_000) == "да"


async def test_an_answer_with_a_dtd_is_not_read(tmp_path: Path):
    contract = Contract(await asyncio.to_thread(a_wsdl, tmp_path))
    body = '<!DOCTYPE a [<!ENTITY x "y">]>' + ANSWER.format(word="&x;")
    async with serving(answering(body)) as url, aiohttp.ClientSession() as http:
        with pytest.raises(zeep.exceptions.DTDForbidden):
            await contract.service(http, url, timeout=5).Ask(number=1)


async def test_an_answer_longer_than_allowed_is_cut_off(tmp_path: Path):
    contract = Contract(await asyncio.to_thread(a_wsdl, tmp_path))
    async with serving(answering("x" * 5000)) as url, aiohttp.ClientSession() as http:
        transport = AiohttpTransport(http, timeout=5, limit=4096)
        with pytest.raises(AnswerTooLargeError):
            await transport.post_xml(
                url, contract.envelope("Ask", number=1), {"SOAPAction": '"urn:test/Ask"'}
            )
