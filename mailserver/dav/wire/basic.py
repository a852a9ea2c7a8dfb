"""Basic authentication: who the client says it is, and the challenge. RFC 7617."""

import binascii
from base64 import b64decode
from dataclasses import dataclass, field

MAX_CREDENTIAL_OCTETS = 4096  # of the decoded pair
CHALLENGE = 'Basic realm="Calendars and contacts", charset="UTF-8"'


@dataclass(frozen=True, slots=True)
class Credentials:
    username: str
    password: str = field(repr=False)  # no log, traceback or test output shows it


def parse(authorization: str | None) -> Credentials | None:
    """None where there are none that can be read: whoever sends such is challenged again.

    Octets that are no UTF-8 are read as Latin-1, which old clients send.
    """
    scheme, _, text = (authorization or "").partition(" ")
    if scheme.lower() != "basic" or len(text) > 2 * MAX_CREDENTIAL_OCTETS:
        return None
    try:
        octets = b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
    username, colon, password = _decoded(octets).partition(":")
    return Credentials(username, password) if colon else None


def _decoded(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        return octets.decode("latin-1")
