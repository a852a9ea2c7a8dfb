"""The tables of the text index and the verbs on them. Derived from mail.db and the messages; may be lost at any time.

position     all contents up to this id are in the index
indexed      a row per content in the index, with the checksum of its units
unsure       contents of which not all is in the index: every search reads them
units        which unit (mailserver/search/units.py) is in which content, by place: full text search without positions
words        the distinct words and chains, the oldest first: those that are in many contents come early
word_parts   which trigram is in which of them: finds the words that have a piece in them

A row of `units` is (place << PLACE_SHIFT) + content id, so that a range of rows is a range of places.
"""

import builtins
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from mailserver.store.database import Rx, Value

APPLICATION_ID = 0x4D535249  # "MSRI" in PRAGMA application_id
VERSION = 1  # of tables and units: an index of another version is built anew
PLACE_SHIFT = 40
LEAST_PART = 3  # characters of a trigram; shorter pieces are looked for in every word

_ids = msgspec.json.Decoder(builtins.list[int]).decode
_CONTENT_ID = (1 << PLACE_SHIFT) - 1

# FTS5 must cut at spaces only: everything beyond ASCII is of a token anyway, these are all of ASCII that units have.
_SCHEMA = f"""
CREATE TABLE position (content_id INTEGER NOT NULL) STRICT;
CREATE TABLE indexed (content_id INTEGER PRIMARY KEY, checksum INTEGER NOT NULL) STRICT;
CREATE TABLE unsure (content_id INTEGER PRIMARY KEY, reason TEXT NOT NULL) STRICT;
CREATE TABLE words (id INTEGER PRIMARY KEY, word TEXT NOT NULL UNIQUE, is_chain INTEGER NOT NULL) STRICT;
CREATE VIRTUAL TABLE units USING fts5(unit, content='', contentless_delete=1, detail=none,
    tokenize="ascii tokenchars '._@''+-~'");
CREATE VIRTUAL TABLE word_parts USING fts5(word, content='', columnsize=0, detail=none,
    tokenize="trigram case_sensitive 1");
INSERT INTO position (content_id) VALUES (0);
PRAGMA application_id = {APPLICATION_ID};
PRAGMA user_version = {VERSION};
"""


class Ix(Rx):
    """One write to the index, whole or not at all."""

    __slots__ = ()

    def run(self, sql: str, *params: Value) -> int:
        """Rows changed."""
        return cast(int, self._connection.execute(sql, params).rowcount)

    def many(self, sql: str, rows: Iterable[Sequence[Value]]) -> None:
        self._connection.executemany(sql, rows)


@dataclass(frozen=True, slots=True)
class Entry:
    """A content to be indexed."""

    content_id: int
    units: Sequence[tuple[int, Iterable[str]]]  # place → its units
    checksum: int
    unsure: str | None  # why a search must read it all the same; None where it need not


def create(connection: Any) -> None:
    connection.executescript(f"BEGIN;{_SCHEMA}COMMIT;")


def is_current(connection: Any) -> bool:
    marks = connection.execute("SELECT application_id, user_version FROM pragma_application_id, pragma_user_version")
    return cast(bool, marks.fetchone() == (APPLICATION_ID, VERSION))


# ---- writing ----


def add(ix: Ix, entries: Sequence[Entry], position: int) -> None:
    """Contents that are not in the index yet, ids up to `position`."""
    found = ((place, entry.content_id, units) for entry in entries for place, units in entry.units)
    rows = [((place << PLACE_SHIFT) + content_id, " ".join(units)) for place, content_id, units in found]
    rows.sort()  # FTS5 begins a segment whenever a row's number is below the one before
    ix.many("INSERT INTO units (rowid, unit) VALUES (?, ?)", rows)
    ix.many("INSERT INTO indexed VALUES (?, ?)", [(entry.content_id, entry.checksum) for entry in entries])
    unsure = [(entry.content_id, entry.unsure) for entry in entries if entry.unsure is not None]
    ix.many("INSERT INTO unsure VALUES (?, ?)", unsure)
    ix.run("UPDATE position SET content_id = ?", position)


def list_new(ix: Ix, words: Iterable[str]) -> builtins.list[str]:
    """Those of them that were never seen."""
    rows = ix.all("SELECT value FROM json_each(?) WHERE value NOT IN (SELECT word FROM words)", json.dumps([*words]))
    return [row[0] for row in rows]


def learn(ix: Ix, words: Iterable[str], is_chain: Callable[[str], bool]) -> None:
    """New ones, each once."""
    last = count_words(ix)
    ix.many("INSERT INTO words (word, is_chain) VALUES (?, ?)", [(word, is_chain(word)) for word in words])
    ix.run("INSERT INTO word_parts (rowid, word) SELECT id, word FROM words WHERE id > ?", last)


def forget(ix: Ix, content_ids: Sequence[int], places: int) -> None:
    """Contents that are no more. Their words stay: others may have them, and too many words find nothing wrong."""
    rows = [((place << PLACE_SHIFT) + content_id,) for place in range(places) for content_id in content_ids]
    ix.many("DELETE FROM units WHERE rowid = ?", rows)
    for table in ("indexed", "unsure"):
        ix.many(f"DELETE FROM {table} WHERE content_id = ?", [(content_id,) for content_id in content_ids])


def merge(ix: Ix) -> None:
    """Make one segment of many: smaller and faster to ask."""
    ix.run("INSERT INTO units (units) VALUES ('optimize')")
    ix.run("INSERT INTO word_parts (word_parts) VALUES ('optimize')")


# ---- asking ----


def position(rx: Rx) -> int:
    row = rx.one("SELECT content_id FROM position")
    return int(row[0]) if row else 0


def list_unsure(rx: Rx) -> builtins.list[int]:
    return [row[0] for row in rx.all("SELECT content_id FROM unsure")]


def list_indexed(rx: Rx, after: int, limit: int) -> builtins.list[tuple[int, int]]:
    """(content id, checksum) by id."""
    return rx.all(
        "SELECT content_id, checksum FROM indexed WHERE content_id > ? ORDER BY content_id LIMIT ?", after, limit
    )


def list_latest(rx: Rx, limit: int) -> builtins.list[tuple[int, int]]:
    """(content id, checksum) of the latest ones that are sure."""
    return rx.all(
        """SELECT content_id, checksum FROM indexed WHERE content_id NOT IN (SELECT content_id FROM unsure)
           ORDER BY content_id DESC LIMIT ?""",
        limit,
    )


def find(rx: Rx, expression: str, first: int, last: int) -> builtins.list[int]:
    """Content ids where the expression (FTS5's) holds in one of these places; an id comes once for each place."""
    row = rx.one(
        "SELECT json_group_array(rowid & ?) FROM units WHERE units MATCH ? AND rowid BETWEEN ? AND ?",
        _CONTENT_ID,
        expression,
        first << PLACE_SHIFT,
        (last << PLACE_SHIFT) + _CONTENT_ID,
    )
    return _ids(row[0]) if row else []  # one value: thousands of rows would cost more than the question


def has(rx: Rx, unit: str, place: int, content_id: int) -> bool:
    rowid = (place << PLACE_SHIFT) + content_id
    return rx.one("SELECT 1 FROM units WHERE units MATCH ? AND rowid = ?", quoted(unit), rowid) is not None


def words_with(rx: Rx, piece: str, *, chains: bool, limit: int) -> builtins.list[str]:
    """Words, or chains, that have this piece in them; the oldest first, at most `limit`."""
    if len(piece) < LEAST_PART:
        rows = rx.all(
            "SELECT word FROM words WHERE instr(word, ?) AND is_chain = ? ORDER BY id LIMIT ?", piece, chains, limit
        )
    else:
        rows = rx.all(
            """SELECT w.word FROM word_parts p CROSS JOIN words w ON w.id = p.rowid
               WHERE p.word_parts MATCH ? AND instr(w.word, ?) AND w.is_chain = ? ORDER BY p.rowid LIMIT ?""",
            " AND ".join(map(quoted, _trigrams(piece))),
            piece,
            chains,
            limit,
        )
    return [row[0] for row in rows]


def words_like(rx: Rx, word: str, slack: int, limit: int) -> builtins.list[str]:
    """Words about as long (± slack) that begin as this one, or have some of its trigrams."""
    length = len(word)
    start = word[:2]
    begun = rx.all(
        "SELECT word FROM words WHERE word >= ? AND word < ? AND length(word) BETWEEN ? AND ? AND is_chain = 0 LIMIT ?",
        start,
        start + "\U0010ffff",
        length - slack,
        length + slack,
        limit,
    )
    shared = rx.all(
        """SELECT w.word FROM word_parts p CROSS JOIN words w ON w.id = p.rowid
           WHERE p.word_parts MATCH ? AND length(w.word) BETWEEN ? AND ? AND w.is_chain = 0 LIMIT ?""",
        " OR ".join(map(quoted, _trigrams(word))),
        length - slack,
        length + slack,
        limit,
    )
    return [*dict.fromkeys(row[0] for row in (*begun, *shared))]


def count_words(rx: Rx) -> int:
    """They are never removed: it is the last one's id too."""
    row = rx.one("SELECT max(id) FROM words")
    return int(row[0] or 0) if row else 0


def knows(rx: Rx, word: str) -> bool:
    return rx.one("SELECT 1 FROM words WHERE word = ?", word) is not None


def count_contents(rx: Rx) -> tuple[int, int]:
    """(indexed, unsure)"""
    row = rx.one("SELECT (SELECT count(*) FROM indexed), (SELECT count(*) FROM unsure)")
    return (row[0], row[1]) if row else (0, 0)


def damage(rx: Rx) -> builtins.list[str]:
    """What SQLite finds wrong with the file itself; empty where it is sound."""
    return [row[0] for row in rx.all("PRAGMA integrity_check(10)") if row[0] != "ok"]


def quoted(unit: str) -> str:
    """As a string of FTS5's language. No unit has a quote in it."""
    return f'"{unit}"'


def _trigrams(piece: str) -> Iterable[str]:
    return {piece[start : start + LEAST_PART] for start in range(len(piece) - LEAST_PART + 1)}
