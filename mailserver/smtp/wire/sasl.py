"""SASL exchanges of AUTH as values: base64 framing (RFC 4954 §4), PLAIN (RFC 4616), LOGIN (as clients do it)."""

import binascii
from base64 import b64decode, b64encode
from dataclasses import dataclass

from mailserver.errors import BadValue

MAX_LINE = 12_288  # octets with CRLF, RFC 4954 §4.5
USERNAME_CHALLENGE = b"334 " + b64encode(b"Username:") + b"\r\n"  # Outlook waits for exactly these words
PASSWORD_CHALLENGE = b"334 " + b64encode(b"Password:") + b"\r\n"
EMPTY_CHALLENGE = b"334 \r\n"


class BadResponse(BadValue):
    smtp, text = "501 5.5.2", "Not a base64 response of this mechanism"


class Cancelled(BadValue):
    smtp, text = "501 5.7.0", "Authentication cancelled"


@dataclass(frozen=True, slots=True)
class Login:
    username: str
    password: str
    authzid: str = ""  # whom to act as; "" for oneself

    def __repr__(self) -> str:
        return "Login(...)"  # no log, traceback or test output shows a password


def decode(response: bytes) -> bytes:
    """One response of the client. Raises Cancelled on "*", BadResponse."""
    if response == b"*":
        raise Cancelled
    try:
        return b64decode(response, validate=True)
    except binascii.Error:
        raise BadResponse from None


def initial(response: bytes) -> bytes:
    """The response on the AUTH line itself, where "=" stands for an empty one. Raises BadResponse."""
    return b"" if response == b"=" else decode(response)


def plain(message: bytes) -> Login:
    """[authzid] NUL authcid NUL passwd. Raises BadResponse."""
    parts = _text(message).split("\0")
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise BadResponse
    authzid, username, password = parts
    return Login(username, password, authzid)


def login(username: bytes, password: bytes) -> Login:
    """Raises BadResponse."""
    name, secret = _text(username), _text(password)
    if not name or not secret or "\0" in name + secret:
        raise BadResponse
    return Login(name, secret)


def _text(octets: bytes) -> str:
    try:
        return octets.decode()
    except UnicodeDecodeError:
        raise BadResponse from None
