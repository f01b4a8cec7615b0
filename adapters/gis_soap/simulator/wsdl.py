"""What the services say of themselves: ``?wsdl`` with schemas at ``?xsd=``, and ``?singleWsdl`` with all of it inline."""

import copy
from typing import Final

from lxml import etree

from adapters.gis_soap.simulator.wcf import CONTRACT
from broker.adapter_kit.soap import safe_parser

_XS: Final = "{http://www.w3.org/2001/XMLSchema}"
_ADDRESS: Final = "{http://schemas.xmlsoap.org/wsdl/soap/}address"


def wsdl_page(name: str, url: str) -> bytes:
    """Return the WSDL of a service that lives at ``url``, its imports pointing back here."""
    root = _at(name, url)
    for node in root.iter(f"{_XS}import"):
        node.set("schemaLocation", f"{url}?xsd={node.get('schemaLocation', '').removesuffix('.xsd')}")
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def single_wsdl_page(name: str, url: str) -> bytes:
    """Return the WSDL with every schema inline, in no need of further requests."""
    root = _at(name, url)
    driver = next(root.iter(f"{_XS}schema"))
    holder = driver.getparent()
    assert holder is not None
    waiting = [node.get("schemaLocation", "") for node in driver]
    holder.remove(driver)
    placed: set[str] = set()
    while waiting:
        file = waiting.pop(0)
        if file in placed:
            continue
        placed.add(file)
        schema = etree.parse(CONTRACT / file, safe_parser()).getroot()
        for node in schema.iter(f"{_XS}import"):
            waiting.append(node.get("schemaLocation", ""))
            del node.attrib["schemaLocation"]
        holder.append(copy.deepcopy(schema))
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def xsd_page(stem: str, url: str) -> bytes | None:
    """Return one schema, None for a name the contract does not have."""
    path = CONTRACT / f"{stem}.xsd"
    if path.parent != CONTRACT or path not in set(CONTRACT.glob("*.xsd")):
        return None
    root = etree.parse(path, safe_parser()).getroot()
    for node in root.iter(f"{_XS}import"):
        node.set("schemaLocation", f"{url}?xsd={node.get('schemaLocation', '').removesuffix('.xsd')}")
    return etree.tostring(root, encoding="utf-8", xml_declaration=True)


def _at(name: str, url: str) -> etree._Element:
    root = etree.parse(CONTRACT / f"{name}.wsdl", safe_parser()).getroot()
    for node in root.iter(_ADDRESS):
        node.set("location", url)
    return root
