"""A signature as its field says it: DKIM-Signature and ARC-Message-Signature. Pure. RFC 6376 §3.5, RFC 8617 §4.1.2."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from mailserver import text
from mailserver.dkim import tags
from mailserver.dkim.body_hash import CANONICAL, BodyKind
from mailserver.dkim.tags import BadTags

MAX_NAMES = 200  # in h=
MAX_NAME_OCTETS = 253  # of a DNS name
SHOWN_OCTETS = 8  # of b=, RFC 6008 §4

RawField = tuple[bytes, bytes]  # name as written; value with its line ends

ALGORITHMS = {b"rsa-sha256": b"rsa", b"ed25519-sha256": b"ed25519", b"rsa-sha1": b"rsa"}  # → k= of the key

_SELECTOR = re.compile(r"[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*", re.IGNORECASE)
_BLANKS = re.compile(rb"\s+")


@dataclass(frozen=True, slots=True)
class Signer:
    """Who says to have signed: also of an ARC-Seal."""

    domain: str  # A-labels
    selector: str
    algorithm: bytes  # a key of ALGORITHMS
    signature: bytes

    @property
    def key_name(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"


@dataclass(frozen=True, slots=True)
class Signature:
    field: RawField
    tags: Mapping[bytes, bytes]
    signer: Signer
    names: tuple[bytes, ...]  # h=, lower case
    body: BodyKind
    body_hash: bytes


@dataclass(frozen=True, slots=True)
class DkimSignature:
    """What DKIM has and ARC has not."""

    signature: Signature
    identity: str  # i=
    signed_at: int | None  # epoch seconds, as the next
    expires_at: int | None


def parse_dkim(field: RawField) -> DkimSignature:
    """Raises BadTags."""
    found = tags.parse(field[1])
    if tags.need(found, b"v") != b"1":
        raise BadTags("v= is not 1")
    if found.get(b"q", b"dns/txt").lower() != b"dns/txt":
        raise BadTags("q= is not dns/txt")
    signature = parse_message_signature(field, found)
    signed_at, expires_at = tags.number(found, b"t"), tags.number(found, b"x")
    if signed_at is not None and expires_at is not None and expires_at <= signed_at:
        raise BadTags("it expired before it was made")
    return DkimSignature(signature, _identity(found, signature.signer.domain), signed_at, expires_at)


def parse_message_signature(field: RawField, found: Mapping[bytes, bytes]) -> Signature:
    """What both kinds have. Raises BadTags."""
    signer = parse_signer(found)
    names = tags.words(tags.need(found, b"h"))
    if len(names) > MAX_NAMES:
        raise BadTags(f"h= has more than {MAX_NAMES} names")
    if b"from" not in names:
        raise BadTags("From is not signed")
    header, _, body = found.get(b"c", b"simple/simple").lower().partition(b"/")
    if header not in CANONICAL or (body or b"simple") not in CANONICAL:
        raise BadTags("c= is unknown")
    hashed = tags.octets(found, b"bh")
    return Signature(field, found, signer, names, BodyKind(body or b"simple", tags.number(found, b"l")), hashed)


def parse_signer(found: Mapping[bytes, bytes]) -> Signer:
    """Raises BadTags."""
    algorithm = tags.need(found, b"a").lower()
    if algorithm not in ALGORITHMS:
        raise BadTags("a= is unknown")
    domain, selector = claimed(found)
    if not domain:
        raise BadTags("d= is not a domain")
    if not selector:
        raise BadTags("s= is not a selector")
    return Signer(domain, selector, algorithm, tags.octets(found, b"b"))


def claimed(found: Mapping[bytes, bytes]) -> tuple[str, str]:
    """(domain, selector), each "" where it is none."""
    try:
        domain = text.domain_name(found.get(b"d", b"").decode("utf-8"))
    except ValueError:
        domain = ""
    selector = found.get(b"s", b"").decode("ascii", "replace")
    fits = len(selector) + len("._domainkey.") + len(domain) <= MAX_NAME_OCTETS
    return domain, selector.lower() if fits and _SELECTOR.fullmatch(selector) else ""


def shown(found: Mapping[bytes, bytes]) -> str:
    """How b= begins."""
    value = _BLANKS.sub(b"", found.get(b"b", b""))[:SHOWN_OCTETS]
    return value.decode() if re.fullmatch(rb"[A-Za-z0-9+/=]+", value) else ""


def taking_part(fields: Sequence[RawField], names: Sequence[bytes]) -> list[RawField]:
    """The fields that h= can mean, in message order: of each name the lowest, one more than h= has.

    A name that stands in h= once more than in the message forbids another one, RFC 6376 §5.4.
    """
    left = Counter(names)
    left.update({*names})
    found = []
    for field in reversed(fields):
        name = field[0].lower().rstrip(b" \t")
        if left[name] > 0:
            left[name] -= 1
            found.append(field)
    return found[::-1]


def _identity(found: Mapping[bytes, bytes], domain: str) -> str:
    """RFC 6376 §3.5: i= is of d= or of a subdomain."""
    value = found.get(b"i")
    if value is None:
        return f"@{domain}"
    local, at, name = value.decode("utf-8", "replace").rpartition("@")
    try:
        name = text.domain_name(name)
    except ValueError:
        at = ""
    if not at or (name != domain and not name.endswith(f".{domain}")):
        raise BadTags("i= is not of the domain in d=")
    return f"{local}@{name}"
