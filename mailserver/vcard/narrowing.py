"""What must be in the search text of every card that passes a filter, so that the others are not even read.

The search text (`searched`) is a card's names, addresses and numbers, folded. A condition here is never stricter than
the filter: who passes the filter passes it too.
"""

from mailserver.mail.casemap import fold
from mailserver.vcard.filters import Filter, PropertyFilter
from mailserver.vcard.lines import Card
from mailserver.vcard.values import text

SEARCHED = frozenset({"FN", "N", "NICKNAME", "EMAIL", "TEL", "ORG"})
MAX_SEARCHED = 4000  # characters; a card with more is always read

Needles = tuple[str, ...]  # one of these is in the search text


def searched(card: Card) -> str | None:
    """The folded text of a card's names, addresses and numbers, one property a line; None: too long."""
    found = fold("\n".join([text(line.value) for line in card.lines if line.name in SEARCHED]))
    return found if len(found) <= MAX_SEARCHED else None


def needles(wanted: Filter) -> Needles | None:
    """None: any card may pass."""
    each = [_of_property(one) for one in wanted.properties]
    known = [one for one in each if one is not None]
    if wanted.needs_all:
        return max(known, key=_selectivity, default=None)
    if len(known) < len(each) or not each:
        return None
    return tuple(dict.fromkeys(needle for one in known for needle in one))


def _of_property(wanted: PropertyFilter) -> Needles | None:
    """i;octet and i;ascii-casemap match only where the folded texts match too: folding is done letter by letter."""
    if wanted.name not in SEARCHED or wanted.is_not_defined:
        return None
    found = [fold(each.text) for each in wanted.texts if not each.is_negated and each.text]
    if wanted.needs_all:
        return (max(found, key=len),) if found else None
    if wanted.parameters or not found or len(found) < len(wanted.texts):
        return None
    return tuple(found)


def _selectivity(one: Needles) -> int:
    return min(map(len, one))
