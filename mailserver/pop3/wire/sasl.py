"""SASL on the wire of POP3: base64 lines, "=" for an empty initial response, "*" to cancel. RFC 5034 §4."""

from base64 import b64decode
from binascii import Error

from mailserver.pop3.wire.arguments import BadSyntax

MAX_LINE = 12_288  # octets with CRLF; RFC 5034 §4 lets them be long, no credential of ours needs more


def decode(line: bytes) -> bytes:
    """A response of the client's. Raises BadSyntax."""
    if line == b"*":
        raise BadSyntax("AUTH cancelled")
    try:
        return b64decode(line, validate=True)
    except Error:
        raise BadSyntax("Not base64") from None


def initial(word: bytes) -> bytes:
    """The response on the AUTH line itself."""
    return b"" if word == b"=" else decode(word)
