"""`mailserver queue`: looking for entries, ordering about them, and what is said when that can not be."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mailserver.clock import SystemClock
from mailserver.config.tree import StoreConfig
from mailserver.store import lanes, queue, queue_claim, queue_record, spool
from mailserver.store.attempts import Attempt
from mailserver.store.database import Tx
from mailserver.store.lanes import Lane
from mailserver.store.queue import Outgoing, QueueRecipient
from mailserver.store.queue_record import Settled
from mailserver.store.queue_states import Event
from mailserver.store.store import Store
from tests.service.cli.conftest import Outcome, Run

FAR = 2_000_000_000_000  # epoch milliseconds
ANN, BEN = "ann@example.test", "ben@other.test"


@pytest.fixture
def write(data: Path, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Run a verb on the store, as the server would."""

    def run(verb: Callable[..., Any], *arguments: Any) -> Any:
        async def whole() -> Any:
            async with await Store.open(data, SystemClock(), config=StoreConfig(min_free_bytes=0)) as store:
                return await store.write(verb, *arguments)

        done = asyncio.run(whole())
        capsys.readouterr()  # what was logged
        return done

    return run


@pytest.fixture
def ids(data: Path, capsys: pytest.CaptureFixture[str]) -> list[int]:
    """1 and 2: Ann to a.test and b.test; 3: Ben to a.test; 4: a report to a.test; 5: Ann to a.test, scheduled."""

    async def add() -> list[int]:
        async with await Store.open(data, SystemClock(), config=StoreConfig(min_free_bytes=0)) as store:
            rows = []
            for sender, recipients, not_before in (
                (ANN, ["x@a.test", "x@b.test"], None),
                (BEN, ["y@a.test"], None),
                ("", ["z@a.test"], None),
                (ANN, ["w@a.test"], FAR),
            ):
                spooled = spool.prepare(store, await store.stage_bytes(f"Subject: {sender}\r\n\r\ny\r\n".encode()))
                outgoing = Outgoing(sender, spooled, FAR, not_before=not_before)
                rows += await store.write(queue.add, outgoing, [QueueRecipient(each) for each in recipients])
            return rows

    rows = asyncio.run(add())
    capsys.readouterr()
    return rows


def listed(cli: Run, *options: str) -> list[int]:
    return [row["id"] for row in json.loads(cli("queue", "list", "--json", *options).out)]


def refused(outcome: Outcome) -> str:
    """The one line of a command that did nothing."""
    assert outcome.code in {64, 65}
    assert outcome.out == ""
    [line] = outcome.err.splitlines()
    return line


def put_off(tx: Tx, entry_id: int, text: str) -> None:
    queue_claim.claim(tx, "worker", 100, 600_000)
    waiting = [entry.id for entry in queue.list(tx, queue.Status.SENDING)]
    tried = Attempt(1_800_000_000_000, 1500, "mx.a.test", "192.0.2.1", "TLSv1.3, not verified", 451, "4.3.0", text)
    settled = [Settled(row, Event.DEFER, tried, FAR) for row in waiting if row == entry_id]
    settled += [Settled(row, Event.RETURN) for row in waiting if row != entry_id]
    queue_record.record(tx, "worker", settled)


def test_entries_are_found_by_state_destination_and_sender(cli: Run, ids: list[int]) -> None:
    one, two, three, four, five = ids
    assert listed(cli) == ids
    assert listed(cli, "--destination", "B.test") == [two]
    assert listed(cli, "--destination", "a.test") == [one, three, four, five]
    assert listed(cli, "--sender", "Ann@example.test") == [one, two, five]
    assert listed(cli, "--sender", "@other.test") == [three]
    assert listed(cli, "--sender", "<>") == [four]
    assert listed(cli, "--sender", ANN, "--destination", "a.test") == [one, five]
    assert cli("queue", "hold", str(three)).out == f"Held {three}\n"
    assert listed(cli, "--held") == [three]
    assert listed(cli, "--state", "held", "--state", "cancelled") == [three]
    assert cli("queue", "cancel", str(one)).out == f"Cancelled {one}\n"
    assert listed(cli, "--state", "cancelled") == [one]
    assert listed(cli, "--status", "failed") == [one]
    assert listed(cli, "--state", "scheduled") == [five]
    assert listed(cli, "--state", "scheduled", "--state", "cancelled", "--sender", ANN) == [five, one]
    assert listed(cli, "--state", "scheduled", "--sender", "@other.test") == []
    assert listed(cli, "--limit", "2") == [two, three]
    assert listed(cli)[-1] == one, "what has ended comes last"
    assert "not an address" in refused(cli("queue", "list", "--sender", "example.test"))
    assert "not a domain" in refused(cli("queue", "list", "--destination", "no domain"))


def test_held_entries_wait_until_they_are_released(cli: Run, ids: list[int]) -> None:
    assert cli("queue", "hold", "--sender", "@example.test", "--reason", "phished").out == (
        f"Held {ids[0]}, {ids[1]}, {ids[4]}\n"
    )
    row = json.loads(cli("queue", "show", str(ids[0]), "--json").out)
    assert (row["state"], row["status"], row["hold_reason"]) == ("held", "pending", "phished")
    assert [row[-1] for row in cli("queue", "list", "--held").rows] == ["held: phished"] * 3
    assert "is held" in refused(cli("queue", "hold", str(ids[0])))
    assert "is held" in refused(cli("queue", "retry", str(ids[0])))
    assert cli("queue", "release", "--destination", "b.test").out == f"Released {ids[1]}\n"
    assert cli("queue", "release", "--all").out == f"Released {ids[0]}, {ids[4]}\n"
    assert listed(cli, "--held") == []
    assert refused(cli("queue", "release", "--all")) == "mailserver: No entry fits that is held"


def test_an_order_is_for_all_or_none(cli: Run, ids: list[int]) -> None:
    assert "No such queue entry: 999" in refused(cli("queue", "hold", str(ids[0]), "999"))
    assert listed(cli, "--held") == []
    cli("queue", "cancel", str(ids[0]), "--reason", "sent by mistake")
    assert "is cancelled already" in refused(cli("queue", "cancel", str(ids[1]), str(ids[0])))
    assert listed(cli, "--state", "cancelled") == ids[:1]
    shown = json.loads(cli("queue", "show", str(ids[0]), "--json").out)
    assert shown["last_error"] == "sent by mistake"


@pytest.mark.parametrize(
    ("verb", "ways"),
    [
        ("hold", "--destination or --sender"),
        ("release", "--destination, --sender or --all"),
        ("cancel", "--destination or --sender"),
        ("retry", "--destination or --all"),
    ],
)
def test_nothing_is_ordered_about_by_accident(cli: Run, ids: list[int], verb: str, ways: str) -> None:
    for words in ((), ("1", "--destination", "a.test")):
        assert f"Name entries by their IDs, or choose them by {ways};" in refused(cli("queue", verb, *words))


def test_what_was_put_off_is_tried_now(cli: Run, ids: list[int], write: Callable[..., Any]) -> None:
    def later() -> list[int]:
        rows = json.loads(cli("queue", "list", "--json").out)
        return [row["id"] for row in rows if row["next_attempt"] > "2033"]

    scheduled = ids[4]
    write(put_off, ids[1], "busy")
    assert later() == [ids[1], scheduled]
    assert cli("queue", "retry", str(ids[1])).out == f"Due now: {ids[1]}\n"
    for words in (("retry", "--all"), ("retry", "--destination", "b.test"), ("flush",)):
        write(put_off, ids[1], "busy")
        assert later() == [ids[1], scheduled]
        assert cli("queue", *words).out == "Due now: 1 entry\n"
        assert later() == [scheduled]
    assert cli("queue", "retry", "--destination", "a.test").out == "Due now: 0 entries\n"
    assert cli("queue", "retry", str(scheduled)).code == 0
    assert later() == []


def test_every_attempt_is_shown_with_host_protection_and_words(
    cli: Run, ids: list[int], write: Callable[..., Any]
) -> None:
    write(put_off, ids[0], "busy\x1b[2J, come back")
    shown = cli("queue", "show", str(ids[0])).out
    assert "\x1b" not in shown
    first = [line.split()[0] for line in shown.splitlines() if line]
    assert first[:4] == ["id", "state", "sender", "recipient"]
    assert not {"envid", "ret", "hold"} & {*first}, "what is not set is not shown"
    [attempt] = [line.split("\t") for line in shown.splitlines() if "\t" in line]
    assert attempt == [
        "2027-01-15 08:00:00", "1.5", "mx.a.test [192.0.2.1]", "TLSv1.3, not verified", "451 4.3.0",
        "busy\\x1b[2J, come back",
    ]  # fmt: skip
    row = json.loads(cli("queue", "show", str(ids[0]), "--json").out)
    assert row["attempts"] == 1
    assert [each["code"] for each in row["attempts_made"]] == [451]
    assert "No such queue entry: 999" in refused(cli("queue", "show", "999"))


def test_the_figures_tell_how_much_waits_for_whom_and_why(cli: Run, ids: list[int], write: Callable[..., Any]) -> None:
    write(put_off, ids[1], "busy")
    cli("queue", "hold", str(ids[2]))
    cli("queue", "cancel", str(ids[3]))
    figures = json.loads(cli("queue", "stats", "--json").out)
    assert figures["live"] == {"pending": 3, "held": 1, "sending": 0}
    assert figures["ended"]["cancelled"] == 1
    assert (figures["scheduled"], figures["deferred"]) == (1, 1)
    lines = cli("queue", "stats").out.splitlines()
    assert lines[0].split() == ["pending", "3"]
    assert [line.split("\t")[:2] for line in lines if "\t" in line] == [["a.test", "3"], ["b.test", "1"]]
    assert next(line for line in lines if line.startswith("b.test")).endswith("\tbusy")


def test_hosts_that_are_held_up_are_named_with_what_they_said(
    cli: Run, ids: list[int], write: Callable[..., Any]
) -> None:
    write(
        lanes.replace,
        [
            Lane("mx.a.test", "open", 0, "connection refused"),
            Lane("mx.b.test", "closed", 2, "421 4.7.0 too many messages"),
        ],
    )
    assert cli("queue", "stats").rows[-2:] == [
        ["mx.a.test", "left alone for a while", "connection refused"],
        ["mx.b.test", "slowed down, step 2", "421 4.7.0 too many messages"],
    ]
    assert [each["host"] for each in json.loads(cli("queue", "stats", "--json").out)["lanes"]] == [
        "mx.a.test",
        "mx.b.test",
    ]
    write(lanes.replace, [])
    assert json.loads(cli("queue", "stats", "--json").out)["lanes"] == []
