"""Does the engine compute what the public control examples of ТК26 say? Asked once per process, before it is believed.

Sources: «Использование алгоритмов ГОСТ 28147-89, ГОСТ Р 34.11 и ГОСТ Р 34.10 в криптографических сообщениях формата CMS»
(SignedData and DigestedData) and «… в профиле сертификата и списке отзыва сертификатов (CRL) инфраструктуры открытых ключей
X.509» (certificates of the same keys); the latter stand in RFC 9215 too. The parameters of the keys are those of CryptoPro
(XchA, 256 bits) and of ТК26 (paramSetB, 512 bits).
"""

import base64
from typing import Final

import msgspec

from broker.trust.provider import Provider, ProviderUnavailable
from broker.trust.suites import Suite


class Example(msgspec.Struct, frozen=True, kw_only=True):
    """A control example: text and its Стрибог; a SignedData over ``Test message`` and the certificate of its key."""

    suite: Suite
    hashed: bytes
    digest: bytes
    certificate: bytes
    signed_data: bytes

    @property
    def signature(self) -> bytes:
        """The value s||r, which ends the container."""
        return self.signed_data[-len(self.digest) * 2 :]


MESSAGE: Final = b"Test message"
"""What the SignedData of both examples contain; there are no signed attributes, so the value is over these bytes."""

EXAMPLES: Final = (
    Example(
        suite=Suite.GOST2012_256,
        hashed=bytes.fromhex(
            "d1e520e2e5f2f0e82c20d1f2f0e8e1eee6e820e2edf3f6e82c20e2e5fef2fa20f120eceef0ff20f1f2f0e5ebe0ece8"
            "20ede020f5f0e0e1f0fbff20efebfaeafb20c8e3eef0e5e2fb"
        ),
        digest=bytes.fromhex("9dd2fe4e90409e5da87f53976d7405b0c0cac628fc669a741d50063c557e8f50"),
        certificate=base64.b64decode(
            "MIICYjCCAg+gAwIBAgIBATAKBggqhQMHAQEDAjBWMSkwJwYJKoZIhvcNAQkBFhpHb3N0UjM0MTAtMjAxMkBleGFtcGxlLmNv"
            "bTEpMCcGA1UEAxMgR29zdFIzNDEwLTIwMTIgKDI1NiBiaXQpIGV4YW1wbGUwHhcNMTMxMTA1MTQwMjM3WhcNMzAxMTAxMTQw"
            "MjM3WjBWMSkwJwYJKoZIhvcNAQkBFhpHb3N0UjM0MTAtMjAxMkBleGFtcGxlLmNvbTEpMCcGA1UEAxMgR29zdFIzNDEwLTIw"
            "MTIgKDI1NiBiaXQpIGV4YW1wbGUwZjAfBggqhQMHAQEBATATBgcqhQMCAiQABggqhQMHAQECAgNDAARAut/Qw1MUq9KPqkdH"
            "C2xAF3K7TugHfo9n525D2s5mFZdD5pwf90/i4vF0mFmr9nfRwMYP4o0Pg1mOn5RlaXNYraOBwDCBvTAdBgNVHQ4EFgQU1fIe"
            "N1HaPbw+XWUzbkJ+kHJUT0AwCwYDVR0PBAQDAgHGMA8GA1UdEwQIMAYBAf8CAQEwfgYDVR0BBHcwdYAU1fIeN1HaPbw+XWUz"
            "bkJ+kHJUT0ChWqRYMFYxKTAnBgkqhkiG9w0BCQEWGkdvc3RSMzQxMC0yMDEyQGV4YW1wbGUuY29tMSkwJwYDVQQDEyBHb3N0"
            "UjM0MTAtMjAxMiAoMjU2IGJpdCkgZXhhbXBsZYIBATAKBggqhQMHAQEDAgNBAF5bm4BbARR6hJLEoWJkOsYV3Hd7kXQQjz3C"
            "dqQfmHrz6TI6Xojdh/t8ckODv/587NS5/6KsM77vc6Wh90NAT2s="
        ),
        signed_data=base64.b64decode(
            "MIIBBQYJKoZIhvcNAQcCoIH3MIH0AgEBMQ4wDAYIKoUDBwEBAgIFADAbBgkqhkiG9w0BBwGgDgQMVGVzdCBtZXNzYWdlMYHB"
            "MIG+AgEBMFswVjEpMCcGCSqGSIb3DQEJARYaR29zdFIzNDEwLTIwMTJAZXhhbXBsZS5jb20xKTAnBgNVBAMTIEdvc3RSMzQx"
            "MC0yMDEyICgyNTYgYml0KSBleGFtcGxlAgEBMAwGCCqFAwcBAQICBQAwDAYIKoUDBwEBAQEFAARAkptb2ekZbC94FaGDQeP7"
            "0ExvTkXtOY9zgz3cCco/hxPhXUVo3eCxVNwDQ8enFItJZ8DEX4blZ8QtziNCMl5HbA=="
        ),
    ),
    Example(
        suite=Suite.GOST2012_512,
        hashed=b"012345678901234567890123456789012345678901234567890123456789012",
        digest=bytes.fromhex(
            "1b54d01a4af5b9d5cc3d86d68d285462b19abc2475222f35c085122be4ba1ffa"
            "00ad30f8767b3a82384c6574f024c311e2a481332b08ef7f41797891c1646f48"
        ),
        certificate=base64.b64decode(
            "MIIC6DCCAlSgAwIBAgIBATAKBggqhQMHAQEDAzBWMSkwJwYJKoZIhvcNAQkBFhpHb3N0UjM0MTAtMjAxMkBleGFtcGxlLmNv"
            "bTEpMCcGA1UEAxMgR29zdFIzNDEwLTIwMTIgKDUxMiBiaXQpIGV4YW1wbGUwHhcNMTMxMDA0MDczNjA0WhcNMzAxMDAxMDcz"
            "NjA0WjBWMSkwJwYJKoZIhvcNAQkBFhpHb3N0UjM0MTAtMjAxMkBleGFtcGxlLmNvbTEpMCcGA1UEAxMgR29zdFIzNDEwLTIw"
            "MTIgKDUxMiBiaXQpIGV4YW1wbGUwgaowIQYIKoUDBwEBAQIwFQYJKoUDBwECAQICBggqhQMHAQECAwOBhAAEgYATGQ9VCiM5"
            "FRGCQ8MEz2F1dANqhaEuywa8CbxOnTvaGJpFQVXQwkwvLFAKh7hk542vOEtxpKtTCXfGf84nRhMH/Q9bZeAc2eO/yhxrsQhT"
            "Bufa1Fuou2oe/jUOaG6RAtUUvRzhNTppRGGl1+EIY2vzzUua9j9Ol/gAoy/LNKQIfqOBwDCBvTAdBgNVHQ4EFgQUPcbTRXJZ"
            "nHtjj+eBP7b5lcTMekIwCwYDVR0PBAQDAgHGMA8GA1UdEwQIMAYBAf8CAQEwfgYDVR0BBHcwdYAUPcbTRXJZnHtjj+eBP7b5"
            "lcTMekKhWqRYMFYxKTAnBgkqhkiG9w0BCQEWGkdvc3RSMzQxMC0yMDEyQGV4YW1wbGUuY29tMSkwJwYDVQQDEyBHb3N0UjM0"
            "MTAtMjAxMiAoNTEyIGJpdCkgZXhhbXBsZYIBATAKBggqhQMHAQEDAwOBgQBObS7oppPTXzHyVR1DtPa8b57nudJzI4czhsfe"
            "X5HDntOq45t9B/qSs8dC6eGxbhHZ9zCOSFtxWYdmg0au8XI9Xb8vTC1qdwWID7FFjMWDNQZb6lYh/J+8F2xKylvB5nIlRZqO"
            "o3eUNFkNyHJwQCk2WoOlO16zwGk2tdKH4KmD5w=="
        ),
        signed_data=base64.b64decode(
            "MIIBSQYJKoZIhvcNAQcCoIIBOjCCATYCAQExDjAMBggqhQMHAQECAwUAMBsGCSqGSIb3DQEHAaAOBAxUZXN0IG1lc3NhZ2Ux"
            "ggECMIH/AgEBMFswVjEpMCcGCSqGSIb3DQEJARYaR29zdFIzNDEwLTIwMTJAZXhhbXBsZS5jb20xKTAnBgNVBAMTIEdvc3RS"
            "MzQxMC0yMDEyICg1MTIgYml0KSBleGFtcGxlAgEBMAwGCCqFAwcBAQIDBQAwDAYIKoUDBwEBAQIFAASBgFyVohNhMHUi/+RA"
            "F3Gh/cC7why6v+4jPWVlx1TYlXtV8HjehI2Y+rP52/LO6EUHG/XcwCBbUxmRWsbUSRRBAexmaafkSdvv2FFwC8kHOcti+UPX"
            "PS+KRYxT8vhcsBLWWxDkc1McI7aF09hqtED36mQOfACzeJjEoUjALpmJob1V"
        ),
    ),
)


def self_test(provider: Provider) -> None:
    """Raise ``ProviderUnavailable`` unless digests and verification agree with the examples, and refuse a changed text."""
    for example in EXAMPLES:
        agrees = (
            provider.digest(example.suite, example.hashed) == example.digest
            and provider.verify(example.suite, example.certificate, example.signature, MESSAGE) is True
            and provider.verify(example.suite, example.certificate, example.signature, MESSAGE + b".")
            is False
        )
        if not agrees:
            raise ProviderUnavailable(
                f"Средство {provider.name} {provider.version} не прошло самопроверку по контрольному примеру ТК26 "
                f"({example.suite}): подписи ГОСТ им не проверяются. Переустановите пакет libengine-gost-openssl."
            )
