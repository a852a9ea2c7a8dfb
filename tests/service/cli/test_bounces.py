"""`mailserver bounce`: what came back is shown, and who may be written to is decided."""

import asyncio
from pathlib import Path

import pytest

from mailserver.clock import SystemClock
from mailserver.config.tree import StoreConfig
from mailserver.store import bounces
from mailserver.store.bounces import Policy, Returned, Source
from mailserver.store.database import Tx
from mailserver.store.store import Store
from tests.service.cli.conftest import Run


@pytest.fixture
def bounced(data: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Bob's address came back twice, which is enough here."""

    def write(tx: Tx) -> None:
        for number in (1, 2):
            returned = Returned("Bob@far.example", "5.1.1", True, Source.QUEUE, "550 5.1.1 no", f"{number}@x")
            bounces.add(tx, returned, Policy(2, 30, 14))

    async def add() -> None:
        async with await Store.open(data, SystemClock(), config=StoreConfig(min_free_bytes=0)) as store:
            await store.write(write)

    asyncio.run(add())
    capsys.readouterr()  # what was logged
    return "bob@far.example"


def test_what_came_back_is_shown_and_released(cli: Run, bounced: str) -> None:
    [[address, _, _, count, reason]] = cli("bounce", "list").rows
    assert (address, count, reason) == (bounced, "2", "550 5.1.1 no")
    assert [row[1:] for row in cli("bounce", "show", "BOB@far.example").rows] == [
        [bounced, "5.1.1", "yes", "queue", "550 5.1.1 no"]
    ] * 2
    assert cli("bounce", "show", "else@far.example").out == ""
    assert cli("bounce", "release", bounced, "nobody@far.example").code == 65
    assert len(cli("bounce", "list").rows) == 1, "all or none"
    assert cli("bounce", "release", "Bob@Far.example").out == "Released Bob@Far.example\n"
    assert cli("bounce", "list").out == ""
    assert len(cli("bounce", "show").rows) == 2


def test_an_operator_suppresses_for_a_time_or_for_ever(cli: Run, bounced: str) -> None:
    assert cli("bounce", "suppress", "eve@far.example").out == "Suppressed eve@far.example\n"
    assert cli("bounce", "suppress", bounced, "--days", "2", "--reason", "moved").code == 0
    rows = {row[0]: row[2:] for row in cli("bounce", "list").rows}
    assert rows["eve@far.example"] == ["released", "0", "suppressed by an operator"]
    assert rows[bounced][1:] == ["0", "moved"]
    assert cli("bounce", "suppress", "no address").code == 65
