"""OAUTHBEARER (RFC 7628) and XOAUTH2 (its forerunner, from Google): a token of this server instead of a password.

A refusal is a JSON challenge, which the client answers with something empty; then the exchange fails as others do.
"""

import contextlib
import json
import re
from dataclasses import dataclass

from mailserver.auth.account import Account
from mailserver.auth.sasl.exchange import BadResponse, Cancelled, Exchange, text
from mailserver.auth.sasl.scram import sasl_name
from mailserver.errors import AuthenticationDelayed, AuthenticationFailed

_GS2 = re.compile(rb"n,(?:a=([^,]+))?,")
_BEARER = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*) *", re.IGNORECASE)  # RFC 6750 §2.1


@dataclass(frozen=True, slots=True)
class Bearer:
    username: str  # "" where the token alone says whose it is
    token: str

    def __repr__(self) -> str:
        return "Bearer(...)"


async def oauthbearer(x: Exchange) -> Account:
    return await _admitted(x, read_oauthbearer(await x.first()), {"status": "invalid_token", "scope": x.protocol})


async def xoauth2(x: Exchange) -> Account:
    failed = {"status": "401", "schemes": "bearer", "scope": x.protocol}
    return await _admitted(x, read_xoauth2(await x.first()), failed)


async def _admitted(x: Exchange, said: Bearer, failed: dict[str, str]) -> Account:
    try:
        return await x.verifier.authenticate_token(said.username, said.token, protocol=x.protocol, peer=x.peer)
    except (AuthenticationFailed, AuthenticationDelayed):
        with contextlib.suppress(Cancelled, BadResponse):  # however the client takes it
            await x.ask(json.dumps(failed).encode())
        raise


def read_oauthbearer(message: bytes) -> Bearer:
    """gs2-header kvsep *(key "=" value kvsep) kvsep, where kvsep is %x01. Raises BadResponse."""
    header, *pairs = message.split(b"\x01")
    match = _GS2.fullmatch(header)
    if match is None or len(pairs) < 2 or pairs[-2:] != [b"", b""]:
        raise BadResponse("Not an OAUTHBEARER response")
    return Bearer(sasl_name(match[1] or b""), _token(pairs))


def read_xoauth2(message: bytes) -> Bearer:
    """ "user=" name %x01 "auth=Bearer " token %x01 %x01. Raises BadResponse."""
    name, *pairs = message.split(b"\x01")
    if not name.startswith(b"user=") or len(name) == len(b"user=") or pairs[-2:] != [b"", b""]:
        raise BadResponse("Not an XOAUTH2 response")
    return Bearer(text(name.removeprefix(b"user=")), _token(pairs))


def _token(pairs: list[bytes]) -> str:
    values = [pair.removeprefix(b"auth=") for pair in pairs if pair.startswith(b"auth=")]
    match = _BEARER.fullmatch(text(values[0])) if len(values) == 1 else None
    if match is None:
        raise BadResponse("No bearer token in the response")
    return match[1]
