"""Headers of WebDAV requests with one value each: Depth, Overwrite, Timeout, Lock-Token, Prefer, Brief."""

import re
from dataclasses import dataclass
from enum import StrEnum

from mailserver.errors import BadRequest

MAX_TIMEOUT_SECONDS = 3600  # of a lock; a client that wants more renews it
INFINITE = 2**32 - 1  # seconds, RFC 4918 §10.7

_SECONDS = re.compile(r"Second-([0-9]{1,10})", re.I)
_PREFERENCE = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+)(?:\s*=\s*(\"[^\"]*\"|[^\s;,\"]*))?")


class Depth(StrEnum):
    ZERO = "0"
    ONE = "1"
    INFINITY = "infinity"


@dataclass(frozen=True, slots=True)
class Prefer:
    """RFC 7240, RFC 8144; Brief of Microsoft is return=minimal."""

    minimal: bool = False
    representation: bool = False
    depth_noroot: bool = False  # RFC 8144 §3


def depth(value: str | None) -> Depth | None:
    """None where the client did not say; each method has a default. Raises BadRequest."""
    if value is None:
        return None
    try:
        return Depth(value.strip().lower())
    except ValueError:
        raise BadRequest("Depth is 0, 1 or infinity") from None


def overwrite(value: str | None) -> bool:
    """RFC 4918 §10.6. Raises BadRequest."""
    try:
        return {"T": True, "F": False}[(value or "T").strip().upper()]
    except KeyError:
        raise BadRequest("Overwrite is T or F") from None


def timeout(value: str | None) -> int:
    """Seconds a lock shall last, MAX_TIMEOUT_SECONDS at most; the first wish that is understood. RFC 4918 §10.7."""
    for wish in (value or "").split(","):
        if wish.strip().lower() == "infinite":
            return MAX_TIMEOUT_SECONDS
        found = _SECONDS.fullmatch(wish.strip())
        if found is not None:
            return max(1, min(int(found[1]), MAX_TIMEOUT_SECONDS))
    return MAX_TIMEOUT_SECONDS


def lock_token(value: str | None) -> str:
    """The URI of Lock-Token. Raises BadRequest. RFC 4918 §10.5."""
    token = (value or "").strip()
    if len(token) < 3 or token[0] != "<" or token[-1] != ">":
        raise BadRequest("Lock-Token is a URI in angle brackets")
    return token[1:-1]


def prefer(value: str | None, brief: str | None) -> Prefer:
    """What is not understood is not an error, RFC 7240 §2; of two wishes the first counts."""
    wishes = dict[str, str]()
    for part in (value or "").split(","):
        found = _PREFERENCE.fullmatch(part.partition(";")[0].strip())  # its parameters say nothing to us
        if found is not None:
            wishes.setdefault(found[1].lower(), (found[2] or "").strip('"').lower())
    returned = wishes.get("return")
    minimal = returned == "minimal" or (returned is None and (brief or "").strip().lower() == "t")
    return Prefer(minimal, returned == "representation", "depth-noroot" in wishes)


def media_type(value: str | None) -> str:
    """Without parameters, lower case; "" where there is none."""
    return (value or "").partition(";")[0].strip().lower()


def charset(value: str | None) -> str:
    """Lower case; "utf-8" where Content-Type names none."""
    for parameter in (value or "").split(";")[1:]:
        name, _, text = parameter.partition("=")
        if name.strip().lower() == "charset":
            return text.strip().strip('"').lower()
    return "utf-8"
