"""How does a WCF service read and refuse: members in contract order only, faults of SOAP 1.1 with a typed detail."""

from functools import cache
from pathlib import Path
from typing import Final

import msgspec
from aiohttp import web
from lxml import etree

from broker.adapter_kit.soap import SOAP11, safe_parser

CONTRACT: Final = Path(__file__).parent.parent / "contract"
TEMPURI: Final = "http://tempuri.org/"
FAULTS: Final = "http://schemas.datacontract.org/2004/07/N3.EMK.Dto.Common"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
_XS: Final = "{http://www.w3.org/2001/XMLSchema}"


class Problem(msgspec.Struct, frozen=True):
    """One reason to refuse: ``code`` 0 where the platform's own number is not known."""

    about: str
    text: str
    code: int = 0


class Shape(msgspec.Struct, frozen=True):
    """A data contract: its namespace and its members in the order WCF reads them, inherited ones first."""

    namespace: str
    members: tuple[str, ...]


@cache
def shapes() -> dict[str, Shape]:
    """Read every named type of the contract folder: ``{namespace}Type`` → shape."""
    own: dict[str, Shape] = {}
    bases: dict[str, str] = {}
    for path in sorted(CONTRACT.glob("*.xsd")):
        root = etree.parse(path, safe_parser()).getroot()
        namespace = root.get("targetNamespace", "")
        for node in root.findall(f"{_XS}complexType"):
            name = f"{{{namespace}}}{node.get('name')}"
            own[name] = Shape(namespace, tuple(e.get("name", "") for e in node.iter(f"{_XS}element")))
            extension = node.find(f".//{_XS}extension")
            if extension is not None:
                prefix, _, base = extension.get("base", "").rpartition(":")
                bases[name] = f"{{{root.nsmap[prefix]}}}{base}"
    return {name: Shape(shape.namespace, _inherited(name, own, bases)) for name, shape in own.items()}


def _inherited(name: str, own: dict[str, Shape], bases: dict[str, str]) -> tuple[str, ...]:
    """Put the members of all ancestors first; those that have any share the namespace of their heirs."""
    before = _inherited(bases[name], own, bases) if name in bases else ()
    return before + own[name].members


def read(value: etree._Element | None, type_name: str) -> dict[str, etree._Element]:
    """Read the members of a value; a misplaced or foreign one is dropped in silence, as WCF does."""
    if value is None:
        return {}
    shape = shapes()[type_name]
    places = {f"{{{shape.namespace}}}{name}": place for place, name in enumerate(shape.members)}
    members: dict[str, etree._Element] = {}
    last = -1
    for child in value.iterchildren(tag=etree.Element):
        place = places.get(str(child.tag), -1)
        if place > last:
            last = place
            members[shape.members[place]] = child
    return {name: child for name, child in members.items() if child.get(f"{{{XSI}}}nil") != "true"}


def text_of(members: dict[str, etree._Element], name: str) -> str:
    """Return the text of a member, empty when it is absent."""
    member = members.get(name)
    return "" if member is None else (member.text or "").strip()


def runtime_type(value: etree._Element) -> str:
    """Resolve ``xsi:type`` to ``{namespace}Name``; empty when it is absent or its prefix stands for nothing."""
    prefix, _, name = value.get(f"{{{XSI}}}type", "").rpartition(":")
    namespace = value.nsmap.get(prefix or None)
    return f"{{{namespace}}}{name}" if namespace and name else ""


def element(namespace: str, name: str, *content: etree._Element | str) -> etree._Element:
    """Make an element of a namespace (empty: none) with children, or with text."""
    made = etree.Element(f"{{{namespace}}}{name}" if namespace else name)
    for part in content:
        if isinstance(part, str):
            made.text = part
        else:
            made.append(part)
    return made


def answered(operation: str, *content: etree._Element) -> web.Response:
    """Answer with ``<Operation>Response``, empty but for what is given."""
    return _soap(200, element(TEMPURI, f"{operation}Response", *content))


def refused(problems: list[Problem], *, as_list: bool) -> web.Response:
    """Refuse with RequestFault; ``as_list`` makes several of them an ArrayOfRequestFault, else the rest is nested."""
    if as_list and len(problems) > 1:
        detail = element(FAULTS, "ArrayOfRequestFault", *(_request_fault(problem) for problem in problems))
    else:
        detail = _request_fault(problems[0], problems[1:])
    return fault(problems[0].text, detail)


def warned(text: str) -> web.Response:
    """Raise RequestWarning: the document is kept all the same."""
    parts = element(FAULTS, "Message", text), element(FAULTS, "WarningCode", "0")
    return fault(text, element(FAULTS, "RequestWarning", *parts))


def fault(text: str, detail: etree._Element | None = None) -> web.Response:
    """Answer HTTP 500 with a Fault; without ``detail`` it is a bare one."""
    parts = [element("", "faultcode", "s:Client"), element("", "faultstring", text)]
    if detail is not None:
        parts.append(element("", "detail", detail))
    return _soap(500, element(SOAP11, "Fault", *parts))


def _request_fault(problem: Problem, nested: list[Problem] | None = None) -> etree._Element:
    made = element(
        FAULTS,
        "RequestFault",
        element(FAULTS, "PropertyName", problem.about),
        element(FAULTS, "Message", problem.text),
        element(FAULTS, "ErrorCode", str(problem.code)),
    )
    if nested:
        made.append(element(FAULTS, "Errors", *(_request_fault(other) for other in nested)))
    return made


def _soap(status: int, content: etree._Element) -> web.Response:
    envelope = etree.Element(f"{{{SOAP11}}}Envelope", nsmap={"s": SOAP11})
    envelope.append(element(SOAP11, "Body", content))
    body = etree.tostring(envelope, encoding="utf-8")
    return web.Response(status=status, body=body, content_type="text/xml", charset="utf-8")
