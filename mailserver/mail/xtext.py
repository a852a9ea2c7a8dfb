"""xtext, in which the DSN parameters of SMTP write what has no place in a command. RFC 3461 §4, RFC 6533 §3."""

import re

_ENCODED = re.compile(rb"\+([0-9A-Fa-f]{2})")
_UNICODE = re.compile(r"\\x\{([0-9A-Fa-f]{2,6})\}")
_OTHER = re.compile(r"[^!-*,-<>-~]+")


def decode(text: str) -> str:
    """Never raises: octets that are no UTF-8 are replaced."""
    octets = _ENCODED.sub(lambda found: bytes((int(found[1], 16),)), text.encode("utf-8", "replace"))
    return octets.decode("utf-8", "replace")


def encode(text: str) -> str:
    """The ASCII form of any text; decode() undoes it."""
    return _OTHER.sub(lambda found: "".join(f"+{octet:02X}" for octet in found[0].encode("utf-8")), text)


def decode_utf8_address(text: str) -> str:
    r"""The address of type utf-8: \x{…} for characters that would not pass, else as it is. Never raises."""
    return _UNICODE.sub(lambda found: _character(int(found[1], 16)), text)


def _character(number: int) -> str:
    return chr(number) if number <= 0x10FFFF and not 0xD800 <= number <= 0xDFFF else "\ufffd"
