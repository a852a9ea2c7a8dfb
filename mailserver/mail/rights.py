"""Rights on a mailbox: one letter each. RFC 4314 §2.

    l  see the name in LIST             k  create mailboxes below
    r  read, STATUS                     x  delete or rename it
    s  \\Seen                            t  \\Deleted
    w  all other flags                  e  expunge
    i  put messages in                  a  give and take rights
    p  kept, of no meaning here

The letters of RFC 2086 stand for several: c is k and x, d is t and e.
"""

from collections.abc import Iterable
from dataclasses import dataclass

LETTERS = "lrswipkxtea"
VIRTUAL = {"c": "kx", "d": "te"}  # RFC 4314 §2.1.1
FLAG_RIGHTS = {"\\Seen": "s", "\\Deleted": "t"}  # "w" for all others, RFC 4314 §4

Rights = frozenset[str]
NONE: Rights = frozenset()
ALL: Rights = frozenset(LETTERS)
KEPT: Rights = frozenset("la")  # an owner has these whatever was set: who took them from himself could not go back
FLAGS: Rights = frozenset("swt")
SHOWN: Rights = frozenset("lrikxa")  # MYRIGHTS answers whoever has one of them, RFC 4314 §4


@dataclass(frozen=True, slots=True)
class Grant:
    """A line of a mailbox's list."""

    user_id: int | None  # None: anyone
    negative: bool  # the rights are taken away
    rights: Rights


def parse(text: str) -> Rights:
    """Raises ValueError, which names the letter that is no right."""
    unknown = next((letter for letter in text if letter not in LETTERS and letter not in VIRTUAL), None)
    if unknown is not None:
        raise ValueError(f"{unknown!a} is no right: there are {LETTERS}")
    return frozenset("".join(VIRTUAL.get(letter, letter) for letter in text))


def text(rights: Rights, *, virtual: bool = True) -> str:
    """In a fixed order; the letters of RFC 2086 where a right they stand for is there, for clients that know no other.

    Without `virtual` as it is stored.
    """
    letters = "".join(letter for letter in LETTERS if letter in rights)
    old = "".join(letter for letter, meaning in VIRTUAL.items() if not rights.isdisjoint(meaning))
    return letters + old if virtual else letters


def granted(owner_id: int, grants: Iterable[Grant], user_id: int) -> Rights:
    """What a user may do: what is granted to him and to anyone, less what is taken from him and from anyone.

    An owner has all rights unless a line names him; what anyone lacks, he does not.
    """
    own = user_id == owner_id
    mine = [grant for grant in grants if grant.user_id == user_id or (grant.user_id is None and not own)]
    if own and not mine:
        return ALL
    given = NONE.union(*(grant.rights for grant in mine if not grant.negative))
    taken = NONE.union(*(grant.rights for grant in mine if grant.negative))
    if not own:
        return given - taken
    named = any(not grant.negative for grant in mine)
    return (given if named else ALL) - taken | KEPT


def of_flag(flag: str) -> str:
    """The right to set and to clear it."""
    return FLAG_RIGHTS.get(flag, "w")
