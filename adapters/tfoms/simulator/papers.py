"""The papers a fund sends back: small XML files in windows-1251 packed into a ZIP, with the oddities of the field."""

import io
import zipfile
from collections.abc import Sequence

from lxml import etree

from adapters.tfoms.protocol import Row

ENCODING = "windows-1251"


def tree(tag: str, *content: str | etree._Element) -> etree._Element:
    """Make an element of texts and children; ``{namespace}name`` or a bare name."""
    element = etree.Element(tag)
    for part in content:
        if isinstance(part, str):
            element.text = part
        else:
            element.append(part)
    return element


def xml(root: etree._Element) -> bytes:
    """Serialize as funds do."""
    return bytes(etree.tostring(root, encoding=ENCODING, xml_declaration=True))  # type: ignore[arg-type]  # the stubs allow str


def wrongly_declared(root: etree._Element) -> bytes:
    """Serialize in UTF-8 under a declaration of windows-1251."""
    body = etree.tostring(root, encoding="utf-8", xml_declaration=False)
    return f'<?xml version="1.0" encoding="{ENCODING}"?>\n'.encode() + body


def packed(files: dict[str, bytes]) -> bytes:
    """Put files into a ZIP whose bytes depend on them only."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()


def delivered(unid: str, information: str) -> etree._Element:
    """Build ProtocolDeliveredToServer; without a number when it is lost."""
    answer = tree("Answer")
    if unid:
        answer.append(tree("ProtocolUNID", unid))
    answer.append(tree("Information", information))
    return answer


def status(name: str) -> etree._Element:
    """Build ProtocolStatus."""
    return tree("PROTOCOL_STATUS", tree("NAME", name))


def federal(checked: str, bill: str, rows: Sequence[Row]) -> etree._Element:
    """Build FLK_P with PR rows."""
    root = tree("FLK_P", tree("FNAME", f"V{checked}"), tree("FNAME_I", checked))
    for row in rows:
        cells = {
            "OSHIB": row.rule,
            "IM_POL": row.element,
            "ZN_POL": row.value,
            "NSCHET": bill,
            "BAS_EL": row.owner,
            "N_ZAP": row.n_zap,
            "IDCASE": row.id_case,
            "SL_ID": row.sl_id,
            "COMMENT": row.comment,
        }
        root.append(tree("PR", *(tree(name, text) for name, text in cells.items() if text)))
    return root


def primorye(checked: str, bill: str, rows: Sequence[Row]) -> etree._Element:
    """Build FLK_P with refusals under ZAP/SL."""
    root = tree(
        "FLK_P", tree("FNAME", f"V{checked}"), tree("FNAME_I", checked), tree("SCHET", tree("NSCHET", bill))
    )
    for row in rows:
        refusal = tree("OTKAZ", tree("I_TYPE", row.rule), tree("COMMENT", row.comment))
        root.append(
            tree(
                "ZAP",
                tree("N_ZAP", row.n_zap),
                tree("SL", tree("SL_ID", row.sl_id), tree("IDCASE", row.id_case), refusal),
            )
        )
    return root
