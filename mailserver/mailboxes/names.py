"""Names of mailboxes: which may be made, and how they nest.

A name is Unicode in NFC with "/" between its levels (RFC 9051 §5.1). INBOX is INBOX in any case, and so is the
first level of what lies below it. Which folder a name gets on disk is the store's business.

What others share is below "Other Users", by the address of its owner: "Other Users/ann@example.test/INBOX" (RFC 2342).
"""

import re
import unicodedata
from collections.abc import Iterable

from mailserver.errors import CannotMailbox

SEPARATOR = "/"
INBOX = "INBOX"
OTHER_USERS = "Other Users"  # the namespace of what others share
MAX_NAME_CHARACTERS = 1000
MAX_DEPTH = 20  # levels; bounds how many parents one CREATE makes
MAX_MAILBOXES = 1000  # of one user

# Cc control, Cs surrogates (not text), Zl and Zp line ends: none can be shown or typed
_REFUSED = frozenset({"Cc", "Cs", "Zl", "Zp"})
_OTHERS = re.compile(rf"{OTHER_USERS}/([^@]*@[^/]+)/(.+)", re.DOTALL)  # a local part may hold a "/", a domain none


def canonical(name: str) -> str:
    """The one spelling of a name that is looked up; says nothing about whether it may be made."""
    name = unicodedata.normalize("NFC", name)
    others = split_other(name)
    if others is not None:
        return other(others[0].lower(), _inbox(others[1]))
    return _inbox(name)


def _inbox(name: str) -> str:
    first, separator, rest = name.partition(SEPARATOR)
    return INBOX + separator + rest if first.upper() == INBOX else name


def other(address: str, name: str) -> str:
    """What everybody but the owner calls the owner's mailbox."""
    return f"{OTHER_USERS}/{address}/{name}"


def split_other(name: str) -> tuple[str, str] | None:
    """The owner's address and what he calls the mailbox; None for one's own and for what is no mailbox."""
    found = _OTHERS.fullmatch(name)
    return (found[1], found[2]) if found else None


def check(name: str) -> str:
    """The canonical form of a name to be made. Raises CannotMailbox.

    One separator at the end is dropped: it only announces mailboxes below, RFC 9051 §6.3.4.
    """
    name = canonical(name.removesuffix(SEPARATOR))
    if name == OTHER_USERS or is_below(name, OTHER_USERS):
        raise CannotMailbox(f'What is below "{OTHER_USERS}" belongs to other users')
    if not name or len(name) > MAX_NAME_CHARACTERS:
        raise CannotMailbox(f"A mailbox name has 1 to {MAX_NAME_CHARACTERS} characters")
    levels = name.split(SEPARATOR)
    if len(levels) > MAX_DEPTH:
        raise CannotMailbox(f"Mailboxes nest at most {MAX_DEPTH} levels deep")
    if not all(levels):
        raise CannotMailbox("A mailbox name has no empty level")
    if any(unicodedata.category(character) in _REFUSED for character in name):
        raise CannotMailbox("A mailbox name has no control characters")
    return name


def parents(name: str) -> list[str]:
    """The names above, outermost first."""
    levels = name.split(SEPARATOR)
    return [SEPARATOR.join(levels[:depth]) for depth in range(1, len(levels))]


def is_below(name: str, parent: str) -> bool:
    return name.startswith(parent + SEPARATOR)


def has_children(name: str, names: Iterable[str]) -> bool:
    return any(is_below(other, name) for other in names)


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The innermost of the names above this one that is among `names`."""
    existing = set(names)
    return next((parent for parent in reversed(parents(name)) if parent in existing), None)
