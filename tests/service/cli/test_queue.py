"""`mailserver queue`, and whose files the command line leaves behind."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailserver.clock import SystemClock
from mailserver.config.tree import StoreConfig
from mailserver.store import queue, spool
from mailserver.store.queue import Outgoing, QueueRecipient
from mailserver.store.store import Store
from tests.service.cli.conftest import Run

ROOT = Path(__file__).parents[3]
NOBODY = 65_534


@pytest.fixture
def queued(data: Path, capsys: pytest.CaptureFixture[str]) -> list[int]:
    """One message for two recipients elsewhere."""

    async def add() -> list[int]:
        async with await Store.open(data, SystemClock(), config=StoreConfig(min_free_bytes=0)) as store:
            spooled = spool.prepare(store, await store.stage_bytes(b"Subject: x\r\n\r\ny\r\n"))
            outgoing = Outgoing("ann@example.test", spooled, expires_at=2_000_000_000_000)
            recipients = [QueueRecipient("a@else.test"), QueueRecipient("b@else.test")]
            return await store.write(queue.add, outgoing, recipients)

    ids = asyncio.run(add())
    capsys.readouterr()  # what was logged
    return ids


def test_what_waits_is_listed_shown_and_deleted(cli: Run, queued: list[int], data: Path) -> None:
    first, second = queued
    rows = cli("queue", "list").rows
    assert [row[:4] for row in rows] == [
        [str(first), "ann@example.test", "a@else.test", "pending"],
        [str(second), "ann@example.test", "b@else.test", "pending"],
    ]
    shown = json.loads(cli("queue", "show", str(first), "--json").out)
    assert shown["recipient"] == "a@else.test"
    assert shown["expires_at"] == "2033-05-18 03:33:20"
    assert [
        each["id"] for each in json.loads(cli("queue", "list", "--status", "pending", "--limit", "1", "--json").out)
    ] == [first]
    assert cli("queue", "list", "--status", "sent").out == ""
    assert cli("queue", "delete", str(first), "999").code == 65
    assert len(cli("queue", "list").rows) == 2, "all or none"
    assert len(list((data / "spool").iterdir())) == 1
    assert cli("queue", "delete", str(first), str(second)).out == f"Deleted {first}, {second}\n"
    assert cli("queue", "list").out == ""
    assert list((data / "spool").iterdir()) == []


@pytest.fixture
def owned() -> Iterator[Path]:
    """A data folder of somebody else's, as far as we may make one: root's commands run for the server's user."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    (folder / "data").mkdir(mode=0o700)
    if os.geteuid() == 0:
        os.chown(folder / "data", NOBODY, NOBODY)
    yield folder / "data"
    shutil.rmtree(folder)


def test_every_file_belongs_to_the_owner_of_the_data_folder(owned: Path) -> None:
    command = [sys.executable, "-m", "mailserver", "--data", str(owned), "domain", "add", "example.test"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    owner = owned.stat().st_uid
    files = [owned / "mail.db", *owned.rglob("*")]
    assert {file.stat().st_uid for file in files} == {owner}
    assert {file.stat().st_mode & 0o077 for file in files} == {0}
