"""What vCard 2.1 wraps values in: quoted-printable in any charset."""

import re

_OCTET = re.compile(rb"=([0-9A-Fa-f]{2})")


def decoded(value: str, charset: str) -> str:
    """Quoted-printable undone. What is not of the charset is read as Latin-1: a name with a wrong letter is still
    found, a lost one is not."""
    octets = _OCTET.sub(_octet, value.encode("utf-8"))
    for each in (charset, "utf-8"):
        try:
            return _lines(octets.decode(each))
        except (UnicodeDecodeError, LookupError):
            continue
    return _lines(octets.decode("latin-1"))


def _octet(found: re.Match[bytes]) -> bytes:
    return bytes.fromhex(found[1].decode("ascii"))


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n")
