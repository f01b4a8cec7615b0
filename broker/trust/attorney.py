"""МЧД: may this certificate sign for the clinic, and does the power of attorney come from it?

An employee's certificate names no organisation; since 2023 it signs for one only under a machine-readable power of attorney
(law.md, «Signatures»). Its number in the register of ФНС is a GUID, which is our reading: another form only warns.
"""

import re
from collections.abc import Iterator
from typing import Final

from broker.document.finding import Finding, Responsible, Severity, Source
from broker.document.submission import Mchd
from broker.trust.certificate import SignerSubject
from broker.trust.wording import finding, masked

_NUMBER: Final = re.compile(r"[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}")
_FOREIGN: Final = "SIGNER_ORG_MISMATCH"


def attorney_findings(name: str, mchd: Mchd | None, subject: SignerSubject, inn: str) -> Iterator[Finding]:
    """Judge the power of attorney of an organisation's signature; ``inn`` is the clinic's, empty where not known."""
    names_organization = subject.organization or subject.ogrn or subject.ogrnip or subject.inn_le
    if mchd is None:
        if not names_organization:
            yield finding(
                "attorney_missing",
                f"{name}: сертификат не называет организацию, а доверенность (МЧД) не указана.",
                "Подпишите сертификатом организации или укажите в mchd номер доверенности и ИНН доверителя.",
                remd_code=_FOREIGN,
                responsible=Responsible.CLINIC,
            )
        return
    if not _NUMBER.fullmatch(mchd.number):
        yield finding(
            "attorney_number",
            f"{name}: номер доверенности (mchd.number) не похож на номер из реестра ФНС.",
            "Укажите единый регистрационный номер доверенности: 32 шестнадцатеричных знака с дефисами (GUID).",
            responsible=Responsible.MIS,
            severity=Severity.WARNING,
            source=Source.OWN,
        )
    principal = (mchd.principal_inn or "").strip()
    if not principal:
        yield finding(
            "attorney_principal_absent",
            f"{name}: у доверенности не указан ИНН доверителя (mchd.principalInn).",
            "Передайте ИНН организации, выдавшей доверенность.",
            responsible=Responsible.MIS,
            severity=Severity.WARNING,
            source=Source.OWN,
        )
    elif inn and principal.removeprefix("00") != inn and principal != inn:
        yield finding(
            "attorney_principal",
            f"{name}: доверенность выдана другой организацией: ИНН доверителя не совпадает с ИНН клиники.",
            "Подпишите документ по доверенности этой клиники и передайте её номер и ИНН.",
            remd_code=_FOREIGN,
            value=_shown(principal),
            expected=_shown(inn),
        )


def _shown(inn: str) -> str:
    """Show the ИНН of an organisation; twelve digits may be a person's."""
    return inn if len(inn) <= 10 or inn.startswith("00") else masked(inn)
