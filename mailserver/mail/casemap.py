"""Comparing text as searches do: without case and without differences of form. RFC 5051, i;unicode-casemap.

RFC 5051 maps each character to title case and decomposes it (NFKD). Here case folding takes the place of title
case: it finds all that title case finds, and also "ß" by "ss" and a final sigma by the usual one.
"""

from mailserver.mail.normalization import normalized


def fold(text: str) -> str:
    """What is compared. Folding may bring new compositions, hence the second decomposition."""
    if text.isascii():
        return text.lower()
    return normalized("NFKD", normalized("NFKD", text).casefold())
