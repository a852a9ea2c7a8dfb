"""Ours and Dovecot on the same messages in the same minutes: ratios, where absolute times move with the machine."""

import asyncio
import tempfile
from pathlib import Path

from tests.bench import dovecot, imap, imap_changes
from tests.bench.imap import MESSAGES, Row, Server
from tests.daemon import running_demo

GOALS: dict[str, float] = {  # Dovecot's time / ours
    "SELECT, warm": 1.5,
    "FETCH 1:* (FLAGS)": 3,
    "FETCH 1:* list items": 4,
    "FETCH 1:* (ENVELOPE)": 4,
    "FETCH 1:* HEADER.FIELDS of 8": 1.5,
    "FETCH page of 50": 2,
    "FETCH one body": 1,
    "FETCH 500 bodies": 1,
    "SEARCH UNSEEN": 2,
    "SEARCH FROM": 8,
    "SEARCH SUBJECT": 8,
    "SEARCH SINCE": 15,
    "SEARCH LARGER": 3,
    "SEARCH BODY": 200,
    "STORE 1:* ±FLAGS": 2.5,
    "FETCH CHANGEDSINCE, 10 were changed": 2,
    f"COPY of {imap_changes.MANY}": 1.5,
    f"MOVE of {imap_changes.MANY}": 3,
    f"EXPUNGE of {imap_changes.MANY}": 2,
    "APPEND one": 1.5,
    "IDLE: OK there → EXISTS here": 100,
}


def measure() -> list[Row]:
    if not dovecot.installed():
        return [{"name": "left out: needs dovecot (Debian package dovecot-imapd)"}]
    with tempfile.TemporaryDirectory(dir=".") as folder:
        Path(folder).chmod(0o755)  # Dovecot reads its mail as another user
        data = Path(folder) / "var"
        with running_demo(data, "--relaxed"):
            pass
        asyncio.run(imap.fill(data))
        with (
            running_demo(data, "--relaxed", "--plain-auth") as ours,
            dovecot.running_dovecot(Path(folder) / "dovecot", MESSAGES) as peer,
        ):
            return [_row(mine, theirs) for mine, theirs in zip(_all(ours), _all(peer), strict=True)]


def _all(server: Server) -> list[Row]:
    return [*imap.measure(server), *imap_changes.measure(server)]


def _row(mine: Row, theirs: Row) -> Row:
    name = str(mine["name"])
    ours_ms, peer_ms = float(str(mine["median_ms"])), float(str(theirs["median_ms"]))
    row: Row = {
        "name": name,
        "ours_ms": ours_ms,
        "dovecot_ms": peer_ms,
        "ratio": round(peer_ms / max(ours_ms, 0.01), 1),
    }
    if name in GOALS:
        row |= {"goal": GOALS[name], "ok": peer_ms / max(ours_ms, 0.01) >= GOALS[name]}
    return row
