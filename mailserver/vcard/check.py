"""What a stored card must be, and what it gives the columns. RFC 6352 §5.1, RFC 2426, RFC 6350."""

from collections.abc import Mapping
from dataclasses import dataclass

from mailserver.vcard.fields import Fields, read_fields
from mailserver.vcard.lines import BadCard, Card, read

VERSIONS = ("3.0", "4.0")
MAX_UID_OCTETS = 1000


@dataclass(frozen=True, slots=True)
class Checked:
    card: Card
    fields: Fields


def checked(data: bytes) -> Checked:
    """One card of 3.0 or 4.0 with a UID. Raises BadCard in words for who wrote the program that sent it."""
    card = read(data)
    if card.version not in VERSIONS:
        raise BadCard(_UNWANTED.get(card.version, f"VERSION is 3.0 or 4.0, not {card.version[:20]!r}"), 2)
    if len(uids := card.named("UID")) > 1:
        raise BadCard("a second UID", uids[1].number)
    fields = read_fields(card)
    if not fields.uid:
        raise BadCard("UID is missing: without it no other client finds the contact again (RFC 6352 §5.1)", 1)
    if len(fields.uid.encode("utf-8")) > MAX_UID_OCTETS:
        raise BadCard(f"UID has more than {MAX_UID_OCTETS} octets", uids[0].number)
    if card.first("FN") is None:
        raise BadCard("FN is missing (RFC 6350 §6.2.1)", 1)
    return Checked(card, fields)


_UNWANTED: Mapping[str, str] = {
    "": "VERSION is missing; it is 3.0 or 4.0",
    "2.1": "vCard 2.1 is not taken here, only 3.0 and 4.0 (RFC 6352 §5.1); `mailserver dav import` converts it",
}
