"""Content transfer encodings, read as tolerantly as they are written. RFC 2045 §6.7, §6.8."""

import binascii

_BASE64_ALPHABET = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(octet for octet in range(256) if octet not in _BASE64_ALPHABET)


def decode(data: bytes, encoding: str) -> bytes:
    """The octets meant; an identity or unknown encoding leaves them as they are. Never raises."""
    if encoding == "base64":
        return decode_base64(data)
    if encoding == "quoted-printable":
        return decode_quoted_printable(data)
    return data


def decode_base64(data: bytes) -> bytes:
    """Whatever is not of the alphabet is left out, padding in the middle included; missing padding is no fault."""
    digits = data.translate(None, _NOT_BASE64)
    over = len(digits) % 4
    if over == 1:  # six bits make no octet
        digits = digits[:-1]
    return binascii.a2b_base64(digits + b"==" if over else digits)


def decode_quoted_printable(data: bytes) -> bytes:
    return binascii.a2b_qp(data)


def decode_q(data: bytes) -> bytes:
    """The Q encoding of encoded words, where "_" is a space. RFC 2047 §4.2."""
    return binascii.a2b_qp(data, header=True)
