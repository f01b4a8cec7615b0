"""A signing service of one's own: the key of envelopes apart from the processes that talk to the world."""

import argparse
import asyncio
import ssl
from pathlib import Path

from broker.assembly.signer_service import signer_service
from broker.cli.terminal import CommandFailed, Parsers, command, family, say
from broker.dev.supervisor import until_signalled
from broker.trust.remote import UNIX
from broker.trust.signing import SigningKey


def add_to(parsers: Parsers) -> None:
    """Declare the commands of this family."""
    signer = family(parsers, "signer", "служба подписи конвертов: ключ отдельно от площадки")
    serve = command(
        signer, "serve", _serve, "подписывать по HTTP для площадки, у которой sign_provider = remote"
    )
    serve.add_argument(
        "--certificate", required=True, help="сертификат, PEM; за ним могут следовать сертификаты УЦ"
    )
    serve.add_argument("--key", default="", help="закрытый ключ, PEM (openssl-rsa, openssl-gost)")
    serve.add_argument("--password-file", type=Path, help="файл с паролем ключа или ПИН")
    serve.add_argument(
        "--provider", default="openssl-gost", help="чем подписывать: openssl-gost, openssl-rsa, cryptopro-cli"
    )
    serve.add_argument(
        "--param",
        action="append",
        default=[],
        metavar="ИМЯ=ЗНАЧЕНИЕ",
        help="параметр средства: command=…, certified=номер сертификата средства",
    )
    serve.add_argument("--token-file", type=Path, required=True, help="файл с токеном, 32 знака и больше")
    serve.add_argument(
        "--listen", default="unix:/run/inaya/signer.sock", help="unix:/путь или 127.0.0.1:порт"
    )
    serve.add_argument(
        "--tls-certificate", type=Path, help="сертификат TLS; без него слушать можно только этой машине"
    )
    serve.add_argument("--tls-key", type=Path, help="ключ TLS")


def _serve(arguments: argparse.Namespace) -> int:
    listen: str = arguments.listen
    tls = None
    if arguments.tls_certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(arguments.tls_certificate, arguments.tls_key)
    elif not listen.startswith((UNIX, "127.0.0.1:", "localhost:", "[::1]:")):
        raise CommandFailed(
            "без TLS служба подписи слушает только этой машине: unix:/путь или 127.0.0.1:порт"
        )
    key = SigningKey(
        provider=arguments.provider,
        certificate=str(Path(arguments.certificate).resolve()),
        key=str(Path(arguments.key).resolve()) if arguments.key else "",
        password=_secret(arguments.password_file) if arguments.password_file else "",
        params=dict(_pair(one) for one in arguments.param),
    )
    token = _secret(arguments.token_file)

    async def serve() -> None:
        async with signer_service(key, token, listen, tls=tls) as address:
            say(f"Служба подписи готова: {address}")
            await asyncio.Event().wait()

    asyncio.run(until_signalled(serve()))
    return 0


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not equals:
        raise CommandFailed(f"--param {name}: нужно ИМЯ=ЗНАЧЕНИЕ")
    return name, value


def _secret(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise CommandFailed(f"файл {path} не читается") from error
