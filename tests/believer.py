"""What a client makes of the server's untagged responses, in every dialect a session can have.

It believes only what it is told: RFC 9051 §7.4 and §7.5, VANISHED and the number to go on from as RFC 7162 §3.2.10
and §6 say, UIDFETCH as RFC 9586. What could not be true of any mailbox fails at once.
"""

import re
from dataclasses import dataclass, field

from tests.clients import ImapClient, Refused

Flags = frozenset[str]


@dataclass(frozen=True, slots=True)
class State:
    """What a client keeps when it leaves."""

    uidvalidity: int
    modseq: int
    flags: dict[int, Flags]  # by uid


@dataclass(slots=True)
class Believer:
    client: ImapClient
    dialect: tuple[str, ...] = ()  # what it enabled
    uids: list[int | None] = field(default_factory=list)  # by message number; None: not asked yet
    flags: list[Flags | None] = field(default_factory=list)
    uidvalidity: int = 0
    modseq: int = 0  # of its state
    _seen_modseq: int = 0  # since the latest tagged response
    _code: int = 0

    @property
    def qresync(self) -> bool:
        return "QRESYNC" in self.dialect

    @property
    def uid_only(self) -> bool:
        return "UIDONLY" in self.dialect

    async def begin(self) -> None:
        if self.dialect:
            await self.command(" ".join(["ENABLE", *self.dialect]))

    def state(self) -> State:
        """Where every message is known."""
        flags = {uid: flags for uid, flags in zip(self.uids, self.flags, strict=True) if uid and flags is not None}
        assert len(flags) == len(self.uids)
        return State(self.uidvalidity, self.modseq, flags)

    async def select(self, name: str, known: State | None = None) -> None:
        """With a state the difference is taken over into it."""
        if known is None:
            self.uids, self.flags = [], []
            await self.command(f"SELECT {name}")
            return
        self.uids = [*sorted(known.flags)]
        self.flags = [known.flags[uid] for uid in sorted(known.flags)]
        try:
            lines = await self.client.command(f"SELECT {name} (QRESYNC ({known.uidvalidity} {known.modseq}))")
        except Refused as refusal:
            raise AssertionError(str(refusal)) from None
        self._resync(lines)

    def _resync(self, lines: list[bytes]) -> None:
        """EXISTS comes before the difference here, and what happens meanwhile comes behind it."""
        kept = {uid: flags for uid, flags in zip(self.uids, self.flags, strict=True) if uid}
        exists = news = 0
        for place, line in enumerate(lines):
            news = place
            if found := re.match(rb"\* (\d+) EXISTS", line):
                if exists:
                    break
                exists = int(found[1])
            elif line.startswith(b"* VANISHED (EARLIER) "):
                for uid in vanished(line):
                    kept.pop(uid, None)
            elif fetch := re.match(rb"\* \d+ (?:UIDFETCH|FETCH) \((UID (\d+) FLAGS .*)\)", line):
                kept[int(fetch[2])] = _flags(fetch[1])
            elif line.startswith(b"* VANISHED ") or b"FETCH" in line:
                break
            self._hear_codes(line)
        assert len(kept) <= exists, "more is left than there is"
        if len(kept) < exists:  # something new was removed before it could be told; VANISHED follows
            kept = {}
        self.uids = [*sorted(kept)] or [None] * exists
        self.flags = [kept[uid] for uid in sorted(kept)] or [None] * exists
        self.hear_all("SELECT", lines[news:])

    async def command(self, text: str, literal: bytes | None = None) -> list[bytes]:
        try:
            lines = await self.client.command(text, literal)
        except Refused as refusal:
            self.hear_all(text, refusal.lines)
            raise
        self.hear_all(text, lines)
        return lines

    def hear_all(self, command: str, lines: list[bytes]) -> None:
        by_number = command.startswith(("FETCH", "STORE", "SEARCH"))
        for line in lines[:-1]:
            gone = line.endswith(b" EXPUNGE\r\n") or line.startswith(b"* VANISHED ")
            assert not (by_number and gone), f"{line!r} during {command}"
            self.hear(line)
        self._hear_codes(lines[-1])
        self._note_modseq()

    def hear(self, line: bytes) -> None:
        self._hear_codes(line)
        if exists := re.match(rb"\* (\d+) EXISTS", line):
            assert int(exists[1]) >= len(self.uids), "EXISTS may not take messages away"
            missing = int(exists[1]) - len(self.uids)
            self.uids += [None] * missing
            self.flags += [None] * missing
        elif gone := re.match(rb"\* (\d+) EXPUNGE", line):
            assert not self.qresync and not self.uid_only, "EXPUNGE after ENABLE QRESYNC"
            self._remove(int(gone[1]) - 1)
        elif line.startswith(b"* VANISHED "):
            assert self.qresync or self.uid_only, "VANISHED to who does not know it"
            for uid in vanished(line):
                self._remove(self._place(uid))
        elif fetch := re.match(rb"\* (\d+) (UIDFETCH|FETCH) \((.*)\)", line):
            assert (fetch[2] == b"UIDFETCH") == self.uid_only
            self._hear_fetch(int(fetch[1]), fetch[3])
        elif line.endswith(b" RECENT\r\n"):
            assert "IMAP4rev2" not in self.dialect, "RECENT under IMAP4rev2"

    def _hear_fetch(self, number: int, items: bytes) -> None:
        uid = number if self.uid_only else int(found[1]) if (found := re.search(rb"UID (\d+)", items)) else None
        place = self._place(number) if self.uid_only else number - 1
        if uid is not None:
            assert self.uids[place] in {None, uid}, "a message number means another message"
            self.uids[place] = uid
        flags = _flags(items)
        if flags is not None:
            assert "IMAP4rev2" not in self.dialect or b"\\Recent" not in items
            self.flags[place] = flags
        if modseq := re.search(rb"MODSEQ \((\d+)\)", items):
            self._seen_modseq = max(self._seen_modseq, int(modseq[1]))

    def _place(self, uid: int) -> int:
        """Of a UID; one that was not heard of is that of a message whose UID was not asked yet."""
        if uid in self.uids:
            return self.uids.index(uid)
        before = max((place for place, known in enumerate(self.uids) if known and known < uid), default=-1)
        place = self.uids.index(None, before + 1)
        assert all(known is None or known > uid for known in self.uids[before + 1 :])
        return place

    def _remove(self, place: int) -> None:
        del self.uids[place]
        del self.flags[place]

    def _hear_codes(self, line: bytes) -> None:
        if validity := re.search(rb"\[UIDVALIDITY (\d+)\]", line):
            self.uidvalidity = int(validity[1])
        if highest := re.search(rb"\[HIGHESTMODSEQ (\d+)\]", line):
            self._code = int(highest[1])

    def _note_modseq(self) -> None:
        self.modseq = self._code or max(self.modseq, self._seen_modseq)
        self._code = self._seen_modseq = 0


def vanished(line: bytes) -> list[int]:
    """The UIDs that a VANISHED response names."""
    response = re.fullmatch(rb"\* VANISHED (?:\(EARLIER\) )?([\d:,]+)\r\n", line)
    found: list[int] = []
    for part in response[1].split(b",") if response else ():
        first, _, last = part.partition(b":")
        found += range(int(first), int(last or first) + 1)
    return found


def _flags(items: bytes) -> Flags | None:
    found = re.search(rb"FLAGS \(([^)]*)\)", items)
    return frozenset(found[1].decode().split()) - {"\\Recent"} if found else None


def _found(pattern: bytes, text: bytes) -> bytes:
    found = re.search(pattern, text)
    assert found is not None, text
    return found[1]
