"""A refusal at a door: stable code, HTTP status, Russian text, and what to do."""

import msgspec


class Refusal(msgspec.Struct, frozen=True):
    """Why a submission was not accepted; nothing of it is kept but a journal row (sender, digest, code)."""

    code: str
    status: int
    detail: str
    fix: str = ""
