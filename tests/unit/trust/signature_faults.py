"""Signature faults as real containers over a real document: everything that may be wrong, one thing at a time.

A fault changes the ``Case`` a good document makes: its containers, the snapshot it is judged by, the clinic's card, the
instant. Every certificate and container is made, none is mocked.
"""

from collections.abc import Callable
from datetime import timedelta

import msgspec
from cryptography import x509
from signature_kit import DAY, MINUTE, NOW, YEAR, Case, Kit
from trust_stand import Container, children

from broker.archive import SealedPart
from broker.document.submission import Mchd, SignatureKind, Signer
from broker.trust import SUITES, Suite, TrustSnapshot, der
from broker.trust import Signer as SignerPort
from broker.trust.container import ESS_V2, SIGNING_TIME
from broker.trust.pki import COMMON_NAME, INN, OGRN, ORGANIZATION
from broker.trust.signing_rules import PositionControl, RoleNeed

_DATA = "1.2.840.113549.1.7.1"


class SignatureFault(msgspec.Struct, frozen=True, kw_only=True):
    """``code`` without ``signature.`` is what must be found and block the document."""

    id: str
    description: str
    code: str
    make: Callable[[Kit], Case]


def _of(name: str, description: str, code: str, make: Callable[[Kit], Case]) -> SignatureFault:
    return SignatureFault(id=name, description=description, code=code, make=make)


def _relisted(kit: Kit, crls: tuple[bytes, ...]) -> Case:
    return msgspec.structs.replace(kit.good(), snapshot=kit.snapshot(crls=crls))


def _root_list(kit: Kit) -> bytes:
    return kit.root.crl(now=NOW - DAY, until=NOW + DAY)


def _box(kit: Kit, change: Callable[[Container], None]) -> bytes:
    box = Container.open(kit.sign(kit.personal))
    change(box)
    return box.pack()


def _two_signers(kit: Kit) -> bytes:
    other = Container.open(kit.sign(kit.own))

    def add(box: Container) -> None:
        box.infos += other.infos
        box.certificates += other.certificates

    return _box(kit, add)


def _attached(kit: Kit, content: bytes) -> bytes:
    def put(box: Container) -> None:
        box.content = der.sequence(der.oid(_DATA), der.context(0, der.octets(content)))

    return _box(kit, put)


def _algorithm(kit: Kit, signature: str, digest: str) -> bytes:
    def put(box: Container) -> None:
        version, sid, _, attributes, _, value = children(box.infos[0])
        box.infos = [
            der.sequence(
                version,
                sid,
                der.sequence(der.oid(digest)),
                attributes,
                der.sequence(der.oid(signature)),
                value,
            )
        ]

    return _box(kit, put)


def _spoilt_value(kit: Kit) -> bytes:
    def put(box: Container) -> None:
        *kept, value = children(box.infos[0])
        box.infos = [der.sequence(*kept, value[:-1] + bytes([value[-1] ^ 1]))]

    return _box(kit, put)


def _no_certificates(kit: Kit) -> bytes:
    def put(box: Container) -> None:
        box.certificates = []

    return _box(kit, put)


def _no_signers(kit: Kit) -> bytes:
    def put(box: Container) -> None:
        box.infos = []

    return _box(kit, put)


def _enveloped(_kit: Kit) -> bytes:
    return der.sequence(der.oid("1.2.840.113549.1.7.3"), der.context(0, der.sequence(der.small_integer(0))))


def _revoked(kit: Kit) -> Case:
    issued = kit.authority.issue_person(
        kit.doctor.name,
        snils=kit.doctor.snils,
        organization=kit.clinic.name,
        ogrn=kit.clinic.ogrn,
        post=kit.doctor.post.name,
        not_before=NOW - YEAR,
        not_after=NOW + YEAR,
        key=kit.keys[0],
    )
    return kit.with_personal(kit.sign(issued.signer), snapshot=kit.snapshot(revoked=(issued.serial,)))


def _authority_revoked(kit: Kit) -> Case:
    serial = x509.load_der_x509_certificate(kit.authority.certificate).serial_number
    root = kit.root.crl((serial,), now=NOW - DAY, until=NOW + DAY)
    return _relisted(kit, (root, kit.authority.crl(now=NOW - DAY, until=NOW + DAY)))


def _authority_expired(kit: Kit) -> Case:
    old = kit.root.issue_authority("Учебный УЦ на исходе", not_before=NOW - YEAR, not_after=NOW - DAY)
    lists = (_root_list(kit), old.crl(now=NOW - 2 * DAY, until=NOW + DAY))
    return kit.with_personal(kit.sign(kit.person(old)), snapshot=_with_own_list(kit, lists))


def _with_own_list(kit: Kit, lists: tuple[bytes, ...]) -> TrustSnapshot:
    return kit.snapshot(crls=(*lists, kit.authority.crl(now=NOW - DAY, until=NOW + DAY)))


def _foreign_root(kit: Kit) -> Case:
    return kit.with_personal(kit.sign(kit.person(kit.stranger)))


def _renamed(kit: Kit, **changes: str) -> Case:
    name_ = msgspec.structs.replace(kit.doctor.name, **changes)
    return kit.with_personal(kit.sign(kit.person(name=name_)))


def _stated(kit: Kit, **changes: str) -> Case:
    good = kit.good()
    signer = good.parts[0].signer or Signer()
    part = msgspec.structs.replace(good.parts[0], signer=msgspec.structs.replace(signer, **changes))
    return msgspec.structs.replace(good, parts=(part, good.parts[1]))


def _own_with_old_inn(kit: Kit, inn: str) -> SignerPort:
    fields = [
        (COMMON_NAME, kit.clinic.name),
        (ORGANIZATION, kit.clinic.name),
        (OGRN, kit.clinic.ogrn),
        (INN, inn),
    ]
    return kit.bespoke(fields)


def _positions(kit: Kit) -> Case:
    good = kit.good()
    need = RoleNeed(role="CHAIRMAN", control=PositionControl.STRICT, positions=("9999",))
    rule = msgspec.structs.replace(good.snapshot.rules[0], roles=(need,))
    return msgspec.structs.replace(good, snapshot=msgspec.structs.replace(good.snapshot, rules=(rule,)))


def _without(kit: Kit, place: int) -> Case:
    good = kit.good()
    return msgspec.structs.replace(good, parts=tuple(p for n, p in enumerate(good.parts) if n != place))


def _again(kit: Kit, **changes: object) -> Case:
    good = kit.good()
    second = msgspec.structs.replace(
        good.parts[0], data=kit.sign(kit.personal, at=NOW - 2 * MINUTE), **changes
    )
    return msgspec.structs.replace(good, parts=(*good.parts, second))


def _both_over(kit: Kit, content: bytes) -> Case:
    good = kit.good()
    data = (kit.sign(kit.personal, content), kit.sign(kit.own, content))
    parts = tuple(msgspec.structs.replace(p, data=d) for p, d in zip(good.parts, data, strict=True))
    return msgspec.structs.replace(good, parts=parts)


def _role(kit: Kit, role: str) -> Case:
    good = kit.good()
    part = msgspec.structs.replace(good.parts[0], role=role)
    return msgspec.structs.replace(good, parts=(part, good.parts[1]))


def _mchd(kit: Kit, inn: str | None, number: str = "6b0b5a7e-0000-4000-8000-0000000000aa") -> Case:
    signer = kit.bespoke(kit.subject())
    return kit.with_own(kit.sign(signer), mchd=Mchd(number=number, principal_inn=inn))


def _second_chairman(kit: Kit) -> Case:
    good = kit.good()
    second = SealedPart(
        SignatureKind.PERSONAL, kit.sign(kit.person(snils="99000000254", key=kit.keys[2])), "CHAIRMAN"
    )
    return msgspec.structs.replace(good, parts=(*good.parts, second))


FAULTS = (
    _of(
        "wrong-content",
        "Обе подписи сделаны по другому файлу",
        "digest_mismatch",
        lambda kit: _both_over(kit, b"<other/>"),
    ),
    _of(
        "inconsistent-digests",
        "Врач подписал не тот файл, что организация",
        "inconsistent_digests",
        lambda kit: kit.with_personal(kit.sign(kit.personal, b"<other/>")),
    ),
    _of(
        "spoilt-value",
        "Значение подписи испорчено",
        "bad_signature",
        lambda kit: kit.with_personal(_spoilt_value(kit)),
    ),
    _of("foreign-root", "Сертификат чужого удостоверяющего центра", "chain_untrusted", _foreign_root),
    _of(
        "self-signed",
        "Самоподписанный сертификат",
        "self_signed",
        lambda kit: kit.with_personal(kit.sign(kit.bespoke(kit.subject(), by=kit.keys[2]))),
    ),
    _of(
        "expired",
        "Сертификат истёк до подписания",
        "certificate_expired",
        lambda kit: kit.with_personal(kit.sign(kit.person(not_after=NOW - DAY))),
    ),
    _of(
        "not-yet-valid",
        "Сертификат ещё не начал действовать",
        "certificate_not_yet_valid",
        lambda kit: kit.with_personal(kit.sign(kit.person(not_before=NOW + DAY))),
    ),
    _of(
        "expired-since",
        "Сертификат истёк между подписанием и передачей",
        "certificate_expired_since",
        lambda kit: kit.with_personal(
            kit.sign(kit.person(not_after=NOW - 30 * timedelta(seconds=1)), at=NOW - MINUTE)
        ),
    ),
    _of(
        "created-before",
        "Документ создан раньше сертификата",
        "created_before_certificate",
        lambda kit: kit.with_personal(kit.sign(kit.person(not_before=NOW - 30 * MINUTE))),
    ),
    _of(
        "created-after",
        "Документ создан позже, чем истёк сертификат организации",
        "created_after_certificate",
        lambda kit: kit.with_own(
            kit.sign(kit.organization(not_after=NOW - 2 * 60 * MINUTE), at=NOW - 3 * 60 * MINUTE)
        ),
    ),
    _of("revoked", "Сертификат отозван", "certificate_revoked", _revoked),
    _of(
        "authority-revoked",
        "Отозван сертификат промежуточного центра",
        "authority_revoked",
        _authority_revoked,
    ),
    _of(
        "authority-expired", "Истёк сертификат промежуточного центра", "authority_expired", _authority_expired
    ),
    _of(
        "crl-missing",
        "Нет списка отзыва, а он обязателен",
        "crl_missing",
        lambda kit: _relisted(kit, (_root_list(kit),)),
    ),
    _of(
        "crl-expired",
        "Список отзыва устарел",
        "crl_expired",
        lambda kit: _relisted(kit, (_root_list(kit), kit.authority.crl(now=NOW - 2 * DAY, until=NOW - DAY))),
    ),
    _of(
        "no-signing-time",
        "Нет атрибута signingTime",
        "no_signing_time",
        lambda kit: kit.with_personal(kit.resigned(kit.personal, drop=SIGNING_TIME)),
    ),
    _of(
        "no-ess",
        "Нет атрибута signingCertificateV2",
        "no_ess",
        lambda kit: kit.with_personal(kit.resigned(kit.personal, drop=ESS_V2)),
    ),
    _of(
        "foreign-ess",
        "signingCertificateV2 указывает на другой сертификат",
        "ess_mismatch",
        lambda kit: kit.with_personal(kit.foreign_ess(kit.personal, kit.own)),
    ),
    _of(
        "two-signers",
        "Два подписанта в одном контейнере",
        "multiple_signers",
        lambda kit: kit.with_personal(_two_signers(kit)),
    ),
    _of(
        "attached",
        "Документ вложен в контейнер",
        "attached",
        lambda kit: kit.with_personal(_attached(kit, kit.content)),
    ),
    _of(
        "attached-other",
        "В контейнер вложен другой документ",
        "attached_mismatch",
        lambda kit: kit.with_personal(_attached(kit, b"<other/>")),
    ),
    _of(
        "wrong-snils",
        "СНИЛС в сообщении не того, кто подписал",
        "snils_mismatch",
        lambda kit: _stated(kit, snils="99000000254"),
    ),
    _of(
        "wrong-surname",
        "Фамилия в сертификате другая",
        "surname_mismatch",
        lambda kit: _renamed(kit, family="Чужой-Образцов"),
    ),
    _of(
        "wrong-given-name",
        "Имя в сертификате другое",
        "given_name_mismatch",
        lambda kit: _renamed(kit, given="Чужеслав"),
    ),
    _of(
        "wrong-patronymic",
        "Отчество в сертификате другое",
        "patronymic_mismatch",
        lambda kit: _renamed(kit, patronymic="Чужеславович"),
    ),
    _of(
        "wrong-ogrn",
        "ОГРН в сертификате другой клиники",
        "ogrn_mismatch",
        lambda kit: kit.with_own(kit.sign(kit.organization(ogrn="1999900000010"))),
    ),
    _of(
        "wrong-inn",
        "ИННЮЛ в сертификате другой клиники",
        "inn_mismatch",
        lambda kit: kit.with_own(kit.sign(kit.organization(inn_le="9900000000"))),
    ),
    _of(
        "wrong-old-inn",
        "ИНН в прежней записи, 12 цифр с ведущими 00, другой клиники",
        "inn_mismatch",
        lambda kit: kit.with_own(kit.sign(_own_with_old_inn(kit, "009900000000"))),
    ),
    _of(
        "wrong-organization",
        "В сертификате другая организация, ОГРН не указан",
        "organization_mismatch",
        lambda kit: kit.with_own(
            kit.sign(
                kit.bespoke([(COMMON_NAME, "ГБУЗ «Чужая больница»"), (ORGANIZATION, "ГБУЗ «Чужая больница»")])
            )
        ),
    ),
    _of(
        "key-usage",
        "Сертификат не для подписи",
        "key_usage",
        lambda kit: kit.with_personal(kit.sign(kit.bespoke(kit.subject(), usage=b"\x03\x02\x05\x20"))),
    ),
    _of(
        "authority-as-signer",
        "Подписано сертификатом удостоверяющего центра",
        "authority_as_signer",
        lambda kit: kit.with_personal(
            kit.sign(kit.signer(kit.authority.certificate, kit.authority._key, kit.root.certificate))
        ),
    ),
    _of(
        "unknown-algorithm",
        "Неизвестный алгоритм",
        "unknown_algorithm",
        lambda kit: kit.with_personal(
            _algorithm(kit, "1.2.840.10045.4.3.2", SUITES[Suite.RSA_SHA256].digest_oids[0])
        ),
    ),
    _of(
        "sha-1",
        "Подпись RSA с SHA-1",
        "wrong_suite",
        lambda kit: kit.with_personal(
            _algorithm(kit, SUITES[Suite.RSA_SHA1].signature_oids[0], SUITES[Suite.RSA_SHA1].digest_oids[0])
        ),
    ),
    _of("garbage", "Вместо контейнера — мусор", "malformed", lambda kit: kit.with_personal(b"\x00garbage")),
    _of(
        "not-base64",
        "Подпись не в base64",
        "not_base64",
        lambda kit: msgspec.structs.replace(
            kit.good(), parts=(kit.personal_part(b"", broken="«подпись»"), kit.good().parts[1])
        ),
    ),
    _of(
        "not-signed-data",
        "Контейнер CMS другого рода",
        "not_signed_data",
        lambda kit: kit.with_personal(_enveloped(kit)),
    ),
    _of(
        "no-signer",
        "В контейнере нет подписанта",
        "no_signer",
        lambda kit: kit.with_personal(_no_signers(kit)),
    ),
    _of(
        "no-certificate",
        "В контейнере нет сертификата",
        "no_certificate",
        lambda kit: kit.with_personal(_no_certificates(kit)),
    ),
    _of(
        "too-large",
        "Контейнер слишком велик",
        "too_large",
        lambda kit: kit.with_personal(_attached(kit, b" " * 600 * 1024)),
    ),
    _of("duplicated", "Врач подписал дважды в одной роли", "duplicate", _again),
    _of(
        "in-future",
        "Время подписи в будущем",
        "time_in_future",
        lambda kit: kit.with_personal(kit.sign(kit.personal, at=NOW + timedelta(hours=3))),
    ),
    _of("unsigned", "Подписей нет", "missing", lambda kit: msgspec.structs.replace(kit.good(), parts=())),
    _of("no-organization", "Нет подписи организации", "organization_missing", lambda kit: _without(kit, 1)),
    _of("no-doctor", "Нет подписи медработника", "personal_missing", lambda kit: _without(kit, 0)),
    _of(
        "missing-role", "Нет подписи председателя комиссии", "role_missing", lambda kit: _role(kit, "AUTHOR")
    ),
    _of("repeated-role", "Двое председателей", "role_repeated", _second_chairman),
    _of("unlike-position", "Должность не для этой роли", "position_unlike_role", _positions),
    _of(
        "attorney-missing",
        "За организацию подписал сотрудник, доверенности нет",
        "attorney_missing",
        lambda kit: kit.with_own(kit.sign(kit.bespoke(kit.subject()))),
    ),
    _of(
        "attorney-foreign",
        "Доверенность другой организации",
        "attorney_principal",
        lambda kit: _mchd(kit, "9900000000"),
    ),
)
BY_ID = {fault.id: fault for fault in FAULTS}
