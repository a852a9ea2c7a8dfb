"""ARC sets as a header has them: paired, counted, in order. Pure. RFC 8617 §4.1, §5.2."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.dkim import tags
from mailserver.dkim.signature import RawField, Signature, Signer, parse_message_signature, parse_signer
from mailserver.dkim.tags import BadTags

MAX_SETS = 50  # RFC 8617 §4.2.1
KINDS = (b"arc-authentication-results", b"arc-message-signature", b"arc-seal")  # in the order that seals hash them
ALGORITHM = b"rsa-sha256"  # RFC 8617 §4.1: others may come

_INSTANCE = re.compile(rb"\s*i\s*=\s*([0-9]{1,3})\s*;")


class BadChain(Exception):  # noqa: N818 - a verdict
    """Its text says what is wrong, without the writers' own octets."""


@dataclass(frozen=True, slots=True)
class Seal:
    field: RawField
    found: dict[bytes, bytes]  # tags
    signer: Signer
    cv: bytes


@dataclass(frozen=True, slots=True)
class ArcSet:
    fields: tuple[RawField, RawField, RawField]  # as KINDS
    message: Signature
    seal: Seal


def is_of_chain(field: RawField) -> bool:
    return field[0].rstrip(b" \t").lower() in KINDS


def highest_instance(fields: Sequence[RawField]) -> int:
    """Of all fields whose i= can be read; 0 for none."""
    return max((_instance(field) for field in fields if is_of_chain(field)), default=0)


def parse(fields: Sequence[RawField]) -> list[ArcSet]:
    """All sets, i=1 first; [] for none. Raises BadChain."""
    mine = [field for field in fields if is_of_chain(field)]
    if len(mine) > MAX_SETS * len(KINDS):
        raise BadChain(f"more than {MAX_SETS} sets")
    paired: dict[tuple[int, bytes], RawField] = {}
    for field in mine:
        place = _instance(field), field[0].rstrip(b" \t").lower()
        if not 1 <= place[0] <= MAX_SETS:
            raise BadChain(f"a set without a number from 1 to {MAX_SETS}")
        if place in paired:
            raise BadChain(f"set {place[0]} has a field twice")
        paired[place] = field
    count = len(mine) // len(KINDS)
    if {*paired} != {(instance, kind) for instance in range(1, count + 1) for kind in KINDS}:
        raise BadChain("a set is not complete, or missing")
    return [_set(instance, [paired[instance, kind] for kind in KINDS]) for instance in range(1, count + 1)]


def _set(instance: int, fields: list[RawField]) -> ArcSet:
    results, message, seal = fields
    try:
        return ArcSet((results, message, seal), _message(message), _seal(instance, seal))
    except BadTags as fault:
        raise BadChain(f"set {instance} is damaged: {fault}") from fault


def _message(field: RawField) -> Signature:
    found = tags.parse(field[1])
    found.setdefault(b"c", b"relaxed/relaxed")
    signature = parse_message_signature(field, found)
    if b"arc-seal" in signature.names:
        raise BadTags("h= has ARC-Seal")
    if signature.body.limit is not None:
        raise BadTags("l= leaves the end of the body to anybody")
    _require_algorithm(signature.signer)
    return signature


def _seal(instance: int, field: RawField) -> Seal:
    found = tags.parse(field[1])
    if b"h" in found:
        raise BadTags("a seal with h=")
    cv = tags.need(found, b"cv").lower()
    if cv not in {b"fail", b"none" if instance == 1 else b"pass"}:
        raise BadTags("cv= can not be so here")
    seal = Seal(field, {**found, b"c": b"relaxed/relaxed"}, parse_signer(found), cv)
    _require_algorithm(seal.signer)
    return seal


def _require_algorithm(signer: Signer) -> None:
    if signer.algorithm != ALGORITHM:
        raise BadTags("a= is not rsa-sha256")


def _instance(field: RawField) -> int:
    """0 where it has none."""
    if field[0].rstrip(b" \t").lower() == KINDS[0]:
        match = _INSTANCE.match(field[1][: tags.MAX_OCTETS])
        return int(match[1]) if match else 0
    try:
        return tags.number(tags.parse(field[1]), b"i") or 0
    except BadTags:
        return 0
