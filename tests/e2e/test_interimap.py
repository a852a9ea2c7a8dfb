"""InterIMAP keeps two accounts the same with QRESYNC alone; it refuses a server that lacks any part of it."""

import ssl
import subprocess
from collections import Counter
from pathlib import Path

import pytest
from imapclient import IMAPClient

from tests.daemon import Demo
from tests.e2e.conftest import empty, logged_in

MESSAGES = 60
INTERIMAP_SECONDS = 120.0


def letter(number: int) -> bytes:
    return (
        f"From: a@peer.test\r\nSubject: {number}\r\nMessage-ID: <{number}@sync.test>\r\n\r\nbody {number}\r\n".encode()
    )


def side(client: IMAPClient) -> dict[str, Counter[tuple[bytes, frozenset[bytes]]]]:
    """mailbox → (header with the Message-ID, flags)."""
    found = {}
    for name in ("INBOX", "Archive", "Projekte/Büro"):
        client.select_folder(name, readonly=True)
        uids = client.search()
        rows = client.fetch(uids, ["FLAGS", "BODY.PEEK[HEADER.FIELDS (MESSAGE-ID)]"]) if uids else {}
        found[name] = Counter(
            (row[b"BODY[HEADER.FIELDS (MESSAGE-ID)]"], frozenset(row[b"FLAGS"]) - {b"\\Recent"})
            for row in rows.values()
        )
        client.unselect_folder()
    return found


@pytest.mark.timeout(300)
def test_interimap_syncs_two_ways_and_only_what_changed(
    demo: Demo, client: IMAPClient, trust: ssl.SSLContext, tmp_path: Path
) -> None:
    other = logged_in(demo, trust, user=1)
    empty(other)
    client.create_folder("Projekte/Büro")
    for number in range(MESSAGES):
        client.append(
            ("INBOX", "Archive", "Projekte/Büro")[number % 3], letter(number), flags=[b"\\Seen"][: number % 2]
        )
    config = _config(tmp_path, demo)
    _interimap(config, tmp_path)
    assert side(other) == side(client)
    assert sum(sum(each.values()) for each in side(client).values()) == MESSAGES

    client.select_folder("INBOX")
    uids = client.search()
    client.add_flags(uids[:3], [b"\\Flagged", b"$Work"])
    client.delete_messages(uids[3:5])
    client.expunge()
    client.unselect_folder()
    other.select_folder("INBOX")
    uids = other.search()
    other.remove_flags(uids[-3:], [b"\\Seen"])
    other.delete_messages(uids[7:9])
    other.expunge()
    other.append("Archive", letter(999))
    other.unselect_folder()
    _interimap(config, tmp_path)
    assert side(other) == side(client)
    assert sum(sum(each.values()) for each in side(client).values()) == MESSAGES - 4 + 1
    _interimap(config, tmp_path)
    assert side(other) == side(client), "a third run changes nothing"
    other.logout()


def _config(tmp_path: Path, demo: Demo) -> Path:
    ann, ben = demo.users
    config = tmp_path / "config"
    config.write_text(
        f"""database = {tmp_path / "sync.db"}
list-mailbox = "*"
log-prefix = ""

[local]
type = imaps
host = localhost
port = {demo.port("imaps")}
username = {ann.email}
password = {ann.password}
SSL_CAfile = {demo.facts["ca"]}

[remote]
type = imaps
host = localhost
port = {demo.port("imaps")}
username = {ben.email}
password = {ben.password}
SSL_CAfile = {demo.facts["ca"]}
"""
    )
    return config


def _interimap(config: Path, home: Path) -> None:
    done = subprocess.run(
        ["interimap", "--config", config], capture_output=True, text=True, timeout=INTERIMAP_SECONDS, check=False,
        env={"PATH": "/usr/bin:/bin", "HOME": str(home), "LANG": "C.UTF-8", "XDG_DATA_HOME": str(home)},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
