"""What must be in the search text of every card that passes a filter, so that the others are not even read.

The search text (`searched`) is a card's names, addresses and numbers, folded. A condition here is never stricter than
the filter: who passes the filter passes it too.
"""

from mailserver.mail.casemap import fold
from mailserver.vcard.collations import Collation
from mailserver.vcard.filters import Filter, PropertyFilter, TextMatch
from mailserver.vcard.lines import Card
from mailserver.vcard.values import text

SEARCHED = frozenset({"FN", "N", "NICKNAME", "EMAIL", "TEL", "ORG"})
MAX_SEARCHED = 4000  # characters; a card with more is always read

Needles = tuple[str, ...]  # one of these is in the search text


def searched(card: Card) -> str | None:
    """The folded text of a card's names, addresses and numbers, a line feed before each; None: too long."""
    found = "".join(["\n" + fold(text(line.value)) for line in card.lines if line.name in SEARCHED])
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
    """Of i;octet and i;ascii-casemap ASCII texts only: folding may put marks of other letters into another order."""
    if wanted.name not in SEARCHED or wanted.is_not_defined:
        return None
    found = [fold(each.text) for each in wanted.texts if _is_told(each)]
    if wanted.needs_all:
        return (max(found, key=len),) if found else None
    if wanted.parameters or not found or len(found) < len(wanted.texts):
        return None
    return tuple(found)


def _is_told(match: TextMatch) -> bool:
    folds_alike = match.collation is Collation.UNICODE_CASEMAP or match.text.isascii()
    return bool(match.text) and folds_alike and not match.is_negated


def _selectivity(one: Needles) -> int:
    return min(map(len, one))
