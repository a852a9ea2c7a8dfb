"""What must be in the search text of every card that passes a filter, so that the others are not even read.

The search text (`searched`) is a card's names, addresses and numbers, folded. A condition here is never stricter than
the filter: who passes the filter passes it too.
"""

import re

from mailserver.mail.casemap import fold
from mailserver.vcard.collations import Collation
from mailserver.vcard.filters import Filter, PropertyFilter, TextMatch
from mailserver.vcard.lines import Card
from mailserver.vcard.values import text

SEARCHED = frozenset({"FN", "N", "NICKNAME", "EMAIL", "TEL", "ORG"})
MAX_SEARCHED = 4000  # characters; a card with more is always read

_FOLD = re.compile(rb"\r*\n[ \t]")

Needles = tuple[str, ...]  # one of these is in the search text


def searched(card: Card) -> str | None:
    """The folded text of a card's names, addresses and numbers, a line feed before each; None: too long."""
    found = "".join(["\n" + fold(text(line.value)) for line in card.lines if line.name in SEARCHED])
    return found if len(found) <= MAX_SEARCHED else None


def needles(wanted: Filter) -> Needles | None:
    """One of these is in the search text of who passes; None: any card may pass."""
    return _needles(wanted, SEARCHED)


def needles_anywhere(wanted: Filter) -> Needles | None:
    """As `needles`, for `may_hold`."""
    return _needles(wanted, None)


def may_hold(data: bytes, wanted: Needles) -> bool:
    """Whether one of these can be in a value of the card: quicker than reading it."""
    if b"=" in data and b"QUOTED-PRINTABLE" in data.upper():
        return True
    whole = _FOLD.sub(b"", data)
    if not whole.isascii() and not all(map(str.isascii, wanted)):
        return True  # marks of long runs may come in another order when the card is folded as a whole
    folded = fold(text(whole.decode("utf-8", "replace")))
    return any(needle in folded for needle in wanted)


def _needles(wanted: Filter, names: frozenset[str] | None) -> Needles | None:
    """`names`: of properties to look at; None: all."""
    each = [_of_property(one, names) for one in wanted.properties]
    known = [one for one in each if one is not None]
    if wanted.needs_all:
        return max(known, key=_selectivity, default=None)
    if len(known) < len(each) or not each:
        return None
    return tuple(dict.fromkeys(needle for one in known for needle in one))


def _of_property(wanted: PropertyFilter, names: frozenset[str] | None) -> Needles | None:
    """Of i;octet and i;ascii-casemap ASCII texts only: folding may put marks of other letters into another order."""
    if wanted.is_not_defined or (names is not None and wanted.name not in names):
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
