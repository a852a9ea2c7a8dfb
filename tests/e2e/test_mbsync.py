"""mbsync, two ways, 500 messages, changes on both sides at once: both ends equal."""

import mailbox
import random
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from imapclient import IMAPClient

from tests.daemon import Demo
from tests.e2e.conftest import write_mbsyncrc

MESSAGES = 500
HEADER = b"BODY[HEADER.FIELDS (MESSAGE-ID)]"


def text(number: int) -> bytes:
    body = "".join(f"line {line} of {number} äöü\r\n" for line in range(number % 40))
    return f"From: a@peer.test\r\nSubject: number {number}\r\nMessage-ID: <{number}@sync.test>\r\n\r\n{body}".encode()


def mbsync(rc: Path) -> None:
    done = subprocess.run(["mbsync", "-c", rc, "-a"], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def far_side(client: IMAPClient) -> dict[str, Counter[tuple[str, str]]]:
    """mailbox → (Message-ID, flag letters)."""
    letters = {b"\\Seen": "S", b"\\Answered": "R", b"\\Flagged": "F", b"\\Draft": "D", b"\\Deleted": "T"}
    side = {}
    for name in ("INBOX", "Archive", "Trash"):
        client.select_folder(name, readonly=True)
        uids = client.search()
        rows = client.fetch(uids, ["FLAGS", "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"]) if uids else {}
        side[name] = Counter(
            (
                row[b"BODY[HEADER.FIELDS (MESSAGE-ID)]"].decode().split()[1],
                _sorted(letters.get(f, "") for f in row[b"FLAGS"]),
            )
            for row in rows.values()
        )
    return side


def near_side(local: Path) -> dict[str, Counter[tuple[str, str]]]:
    side = {}
    for name in ("INBOX", "Archive", "Trash"):
        folder = mailbox.Maildir(local / name, factory=None)
        side[name] = Counter((str(m["Message-ID"]), _sorted(m.get_flags())) for m in folder)
        folder.close()
    return side


def _sorted(letters: object) -> str:
    return "".join(sorted(letters))  # type: ignore[call-overload]


@pytest.mark.timeout(240)
def test_both_sides_are_equal_after_changes_on_both(demo: Demo, client: IMAPClient, tmp_path: Path) -> None:
    rng, local = random.Random(3), tmp_path / "mail"
    rc = write_mbsyncrc(tmp_path / "mbsyncrc", demo, local)
    for number in range(MESSAGES):
        client.append("INBOX", text(number), flags=rng.sample([b"\\Seen", b"\\Flagged", b"\\Answered"], k=number % 3))
    mbsync(rc)
    assert near_side(local) == far_side(client)
    assert sum(near_side(local)["INBOX"].values()) == MESSAGES

    # there: flags, a move, a deletion
    client.select_folder("INBOX")
    uids = client.search()
    client.add_flags(uids[:100], [b"\\Seen"])
    client.remove_flags(uids[100:150], [b"\\Flagged"])
    client.move(uids[150:200], "Archive")
    client.delete_messages(uids[200:250])
    client.expunge(uids[200:250])
    # here: flags, a deletion, new mail
    inbox = mailbox.Maildir(local / "INBOX", factory=None)
    keys = {str(inbox[key]["Message-ID"]): key for key in inbox.keys()}  # noqa: SIM118
    for number in range(300, 350):
        message = inbox[keys[f"<{number}@sync.test>"]]
        message.set_flags("FS")
        inbox[keys[f"<{number}@sync.test>"]] = message
    for number in range(350, 380):
        message = inbox[keys[f"<{number}@sync.test>"]]
        message.add_flag("T")
        inbox[keys[f"<{number}@sync.test>"]] = message
    for number in range(1000, 1030):
        inbox.add(text(number).replace(b"\r\n", b"\n"))
    inbox.close()
    mbsync(rc)
    mbsync(rc)
    near, far = near_side(local), far_side(client)
    assert near == far
    assert sum(far["INBOX"].values()) == MESSAGES - 50 - 50 - 30 + 30
    assert sum(far["Archive"].values()) == 50
    assert ("<320@sync.test>", "FS") in far["INBOX"]


def test_a_second_sync_changes_nothing(demo: Demo, client: IMAPClient, tmp_path: Path) -> None:
    local = tmp_path / "mail"
    rc = write_mbsyncrc(tmp_path / "mbsyncrc", demo, local)
    client.append("INBOX", text(1))
    mbsync(rc)
    before = sorted(path.name for path in (local / "INBOX").rglob("*") if path.is_file() and "mbsync" not in path.name)
    mbsync(rc)
    after = sorted(path.name for path in (local / "INBOX").rglob("*") if path.is_file() and "mbsync" not in path.name)
    assert before == after
