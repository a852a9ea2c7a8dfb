"""Names in the one spelling that is compared and stored: NFC, lower case, domains as A-labels.

RFC 5321 §4.1.2, RFC 6531 §3.3, RFC 5891 §4. Compatibility characters are never folded: a full-width "．．／" stays
what it is and is refused. Everything here is pure; whatever can not be a name raises ValueError with a text that says
why.
"""

import re
import unicodedata

import idna

MAX_LOCAL_PART_OCTETS = 64  # RFC 5321 §4.5.3.1.1
MAX_DOMAIN_OCTETS = 253  # RFC 1035 §2.3.4, without the length octets
CATCH_ALL = "*"  # the source of an alias that takes what nothing else in its domain takes

_LABEL = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
_ATOM = re.compile(r"[a-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+")  # atext of RFC 5321 and RFC 6531, lower case
_QUOTED = re.compile(r'"((?:[^"\\\r\n\x00]|\\[^\r\n\x00])*)"')
_PAIR = re.compile(r"\\(.)")
_TO_QUOTE = re.compile(r'(["\\])')
_LITERAL = re.compile(r"\[[A-Za-z0-9.:-]{3,60}\]")
_OTHER_DOTS = re.compile("[\u3002\uff0e\uff61]")  # IDNA2003 took them for dots
_UNSEEN = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp", "Zs"})  # nothing a person can see or type


def domain_name(text: str) -> str:
    """A domain as an A-label in lower case, without a trailing dot."""
    name = unicodedata.normalize("NFC", text).lower()
    if _OTHER_DOTS.search(name):
        raise ValueError(f"not a domain: {_shown(text)}")
    if not name.isascii():
        try:
            name = idna.encode(name).decode("ascii")
        except (idna.IDNAError, UnicodeError):
            raise ValueError(f"not a domain: {_shown(text)}") from None
    if len(name) > MAX_DOMAIN_OCTETS or not all(map(_LABEL.fullmatch, name.split("."))):
        raise ValueError(f"not a domain: {_shown(text)}")
    return name


def local_part(text: str) -> str:
    """A local part, unquoted, as it is compared."""
    name = unicodedata.normalize("NFC", text).lower()
    if not 0 < len(name.encode("utf-8", "surrogatepass")) <= MAX_LOCAL_PART_OCTETS:
        raise ValueError(f"a local part has 1 to {MAX_LOCAL_PART_OCTETS} octets")
    if any(ord(character) < 0x20 or character == "\x7f" for character in name):
        raise ValueError("a local part has no control characters")
    return name


def account_name(text: str) -> str:
    """The local part of an account or alias of ours: what needs no quotes, and can be seen."""
    name = local_part(text)
    if not all(map(_ATOM.fullmatch, name.split("."))) or any(unicodedata.category(c) in _UNSEEN for c in name):
        raise ValueError(f"not usable as a local part: {_shown(text)}")
    return name


def split_address(address: str) -> tuple[str, str]:
    """(local part unquoted, domain or address literal), both as they are compared."""
    local, at, domain = address.rpartition("@")
    if not at:
        raise ValueError(f"an address has an '@': {_shown(address)}")
    quoted = _QUOTED.fullmatch(local)
    local = local_part(_PAIR.sub(r"\1", quoted[1]) if quoted else local)
    return local, domain.lower() if _LITERAL.fullmatch(domain) else domain_name(domain)


def join_address(local: str, domain: str) -> str:
    """The address of an unquoted local part, quoted where RFC 5321 wants it."""
    if all(map(_ATOM.fullmatch, local.lower().split("."))):
        return f"{local}@{domain}"
    return '"' + _TO_QUOTE.sub(r"\\\1", local) + f'"@{domain}'


def _shown(text: str) -> str:
    return ascii(text[:80])
