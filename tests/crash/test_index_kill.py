"""kill -9 in the middle of indexing and of a rebuild: nothing is left out, nothing comes twice, nothing is wrong."""

import os
import random
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from mailserver.clock import SystemClock
from mailserver.config.tree import StoreConfig
from mailserver.mail.flags import FlagSet
from mailserver.search.verify import verify
from mailserver.store import domains, mailboxes, messages, search_requests, users
from mailserver.store.store import Store
from tests.bench.corpus import messages as corpus
from tests.schema import migrated

MESSAGES = 30
KILLS = int(os.environ.get("INDEX_KILLS", "8"))  # of each kind
MAKING = 60  # statements after which there is an index
CONFIG = StoreConfig()


def index(data: Path, last: int) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tests.crash.one_indexing", str(data), str(last)]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)


async def filled(data: Path) -> None:
    async with await Store.open(migrated(data), SystemClock(), config=CONFIG) as store:
        await store.write(domains.add, "example.test")
        user = await store.write(users.add, "ann@example.test", "$argon2id$unused")
        inbox = await store.read(mailboxes.get, user.id, "INBOX")
        for text in corpus(MESSAGES):
            await store.write(messages.add, inbox.id, await store.stage_bytes(text), FlagSet.of([]), 0)


async def wish(data: Path) -> None:
    async with await Store.open(data, SystemClock(), config=CONFIG) as store:
        await store.write(search_requests.ask)


async def right(data: Path) -> int:
    """Check everything that is in the index; returns how many messages are not."""
    async with await Store.open(data, SystemClock(), config=CONFIG) as store:
        found = await verify(store, everything=True)
        assert found.faults == ()
        assert found.status.indexed == found.compared == MESSAGES - found.status.behind
        assert await store.read(search_requests.pending) == 0 or found.status.behind == 0
        return found.status.behind


@pytest.mark.parametrize("rebuild", [False, True], ids=["fill", "rebuild"])
async def test_a_kill_at_any_statement_leaves_a_right_index(tmp_path: Path, rebuild: bool) -> None:
    start = tmp_path / "start"
    await filled(start)
    if rebuild:
        assert index(start, 0).returncode == 0
        await wish(start)
    data = tmp_path / "whole"
    shutil.copytree(start, data)
    statements = int(index(data, 0).stdout.split()[-1])
    assert statements > 50
    chance = random.Random(3)
    for kill in range(KILLS):
        data = tmp_path / f"kill-{kill}"
        shutil.copytree(start, data)
        last = chance.randint(kill * statements // KILLS, (kill + 1) * statements // KILLS) or 1
        assert index(data, last).returncode == -signal.SIGKILL
        if rebuild or last > MAKING:
            await right(data)
        assert index(data, 0).returncode == 0
        assert await right(data) == 0
        shutil.rmtree(data)
