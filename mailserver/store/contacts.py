"""Contacts by what is in them: the columns of a card that searches, completion and birthdays read."""

import builtins
import json
from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.mail.casemap import fold
from mailserver.store import word_starts
from mailserver.store.database import Row, Rx


@dataclass(frozen=True, slots=True)
class Found:
    id: int
    addressbook_id: int
    full_name: str
    nickname: str
    organization: str
    emails: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Dated:
    """A contact with a day to remember."""

    id: int
    addressbook_id: int
    uid: str
    full_name: str
    birthday: str | None  # YYYY-MM-DD or --MM-DD
    anniversary: str | None


def list_containing(rx: Rx, addressbook_id: int, needles: Sequence[str]) -> builtins.list[str]:
    """hrefs of those with one of the folded texts in their search text, and of those without a search text."""
    wanted = " OR ".join(["instr(search_text, ?)"] * len(needles))
    rows = rx.all(
        f"SELECT href FROM contacts WHERE id IN (SELECT id FROM contacts WHERE addressbook_id = ?"
        f" AND (search_text IS NULL OR {wanted})) ORDER BY modseq",
        addressbook_id,
        *needles,
    )
    return [row[0] for row in rows]


def list_starting(rx: Rx, addressbooks: Sequence[int], words: Sequence[str], limit: int) -> builtins.list[Found]:
    """Those that have, for each of the folded words, a word that begins with it; at most `limit`, in no order."""
    condition, params = word_starts.condition(words)
    rows = rx.all(
        f"""SELECT id, addressbook_id, full_name, nickname, organization, emails FROM contacts WHERE id IN (
                SELECT id FROM contacts WHERE addressbook_id IN (SELECT value FROM json_each(?))
                {condition} LIMIT ?)""",
        json.dumps(builtins.list(addressbooks)),
        *params,
        limit,
    )
    return [_found(row) for row in rows]


def has_address(rx: Rx, addressbooks: Sequence[int], address: str) -> bool:
    """`address`: folded; whether a card of these books has it among its addresses."""
    rows = rx.all(
        """SELECT emails FROM contacts WHERE id IN (SELECT id FROM contacts
               WHERE addressbook_id IN (SELECT value FROM json_each(?))
               AND (search_text IS NULL OR instr(search_text, ?)))""",
        json.dumps(builtins.list(addressbooks)),
        address,
    )
    return any(address in map(fold, json.loads(row[0] or "[]")) for row in rows)


def list_dated(rx: Rx, addressbook_id: int) -> builtins.list[Dated]:
    rows = rx.all(
        """SELECT id, addressbook_id, uid, coalesce(full_name, ''), birthday, anniversary FROM contacts
           WHERE addressbook_id = ? AND (birthday IS NOT NULL OR anniversary IS NOT NULL) ORDER BY id""",
        addressbook_id,
    )
    return [Dated(*row) for row in rows]


def _found(row: Row) -> Found:
    return Found(row[0], row[1], row[2] or "", row[3] or "", row[4] or "", tuple(json.loads(row[5] or "[]")))
