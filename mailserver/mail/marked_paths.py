"""Reverse-paths that name the one row of the queue they were said for: a bounce to one needs no other evidence.

    ann@example.org  for the row 4711        ref=HHHHHHHHTTTERLT=ann@example.org

H is a keyed digest of the rest, T the day up to which the row is tried, the letters after it the row, all in base32.
The domain is the sender's own, so that SPF aligns with From as it did before. Letters are compared without regard to
case, which some servers do not keep. Of the form tag-type=tag-value=local-part, as BATV (draft-levine-smtp-batv) has
it; the tag is our own, since the digest is longer and the value stands for a row and not for a sender.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

from mailserver.text import domain_name

HASH_LETTERS = 8  # of base32: 40 bits
DAY_LETTERS = 3
DAYS_AROUND = 32**DAY_LETTERS  # 89 years, then the count of days begins again
MAX_ROW_LETTERS = 13  # 64 bits
MAX_LOCAL_OCTETS = 64  # RFC 5321 §4.5.3.1.1
DAY_SECONDS = 86_400

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+"
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_MARKED = re.compile(
    rf"ref=([A-Z2-7]{{{HASH_LETTERS}}})([A-Z2-7]{{{DAY_LETTERS}}})([A-Z2-7]{{1,{MAX_ROW_LETTERS}}})=(.+)",
    re.IGNORECASE | re.ASCII | re.DOTALL,
)


class BadMark(Exception):  # noqa: N818 - the words are for a refusal
    """Not made by us, or too old; the text says which."""


@dataclass(frozen=True, slots=True)
class Mark:
    sender: str  # whom a bounce is for
    row: int


@dataclass(frozen=True, slots=True)
class Marks:
    key: bytes
    max_days: int  # that an address can be bounced to, after the day it names

    def marked(self, sender: str, row: int, epoch: int) -> str | None:
        """The reverse-path for this row, always the same; None where it would be too long, or be quoted.

        `epoch`: up to when the row is tried, in seconds.
        """
        local, _, domain = sender.rpartition("@")
        value = _letters(epoch // DAY_SECONDS % DAYS_AROUND).rjust(DAY_LETTERS, _LETTERS[0]) + _letters(row)
        tag = f"ref={self._hash(value, local, domain)}{value}=".lower()
        fits = len((tag + local).encode("utf-8", "replace")) <= MAX_LOCAL_OCTETS
        return f"{tag}{local}@{domain}" if fits and _DOT_ATOM.fullmatch(local) else None

    def read(self, address: str, epoch: int) -> Mark:
        """What a bounce to this address is about. Raises BadMark."""
        path, _, domain = address.rpartition("@")
        found = _MARKED.fullmatch(path)
        if found is None:
            raise BadMark("not a complete return address")
        digest, day, row, local = found.groups()
        if not hmac.compare_digest(digest.upper(), self._hash(day + row, local, domain)):
            raise BadMark("not signed by this server")
        age = (epoch // DAY_SECONDS - _number(day)) % DAYS_AROUND
        if self.max_days < age < DAYS_AROUND // 2:  # what is older than half of them is still to come
            raise BadMark(f"older than {self.max_days} days")
        return Mark(f"{local}@{domain}", _number(row))

    def _hash(self, value: str, local: str, domain: str) -> str:
        text = "\0".join([value, local, _compared(domain)]).lower().encode("utf-8", "replace")
        return base64.b32encode(hmac.digest(self.key, text, hashlib.sha256)).decode("ascii")[:HASH_LETTERS]


def is_marked(address: str) -> bool:
    """Whether it has the form of one; whose it is, `read` tells."""
    return _MARKED.fullmatch(address.rpartition("@")[0]) is not None


def _compared(domain: str) -> str:
    """With A-labels: a server without SMTPUTF8 is told those."""
    try:
        return domain_name(domain)
    except ValueError:
        return domain


def _letters(number: int) -> str:
    """In base32, the highest first, without leading zeros."""
    letters = _LETTERS[number & 31]
    while number := number >> 5:
        letters = _LETTERS[number & 31] + letters
    return letters


def _number(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number << 5 | _LETTERS.index(letter)
    return number
