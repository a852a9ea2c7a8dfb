"""The state machine: the table by itself, and the real store against a model of it."""

import asyncio
import tempfile
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from mailserver.config.tree import StoreConfig
from mailserver.errors import WrongState
from mailserver.store import queue, queue_claim, queue_orders, queue_record, spool
from mailserver.store.attempts import Attempt
from mailserver.store.database import Rx, Tx
from mailserver.store.queue import Outgoing, QueueRecipient
from mailserver.store.queue_record import Settled
from mailserver.store.queue_states import ENDED, TRANSITIONS, Event, State, after
from mailserver.store.store import Store
from tests.fakes import FakeClock
from tests.schema import migrated

T = TypeVar("T")

ORDERS: dict[Event, Callable[[Tx, int], object]] = {
    Event.HOLD: lambda tx, row: queue_orders.hold(tx, [row], "looked at"),
    Event.RELEASE: lambda tx, row: queue_orders.release(tx, [row]),
    Event.RETRY: lambda tx, row: queue_orders.retry(tx, [row]),
    Event.RESCHEDULE: lambda tx, row: queue_orders.reschedule(tx, [row], None),
    Event.CANCEL: lambda tx, row: queue_orders.cancel(tx, [row], "taken back"),
}
OF_WORKERS = (Event.DELIVER, Event.RELAY, Event.DEFER, Event.BOUNCE, Event.EXPIRE, Event.RETURN, Event.LOSE)
OF_WAITING = (Event.WARN, Event.EXPIRE)


@pytest.mark.parametrize(("state", "event"), [*product(State, Event)])
def test_every_pair_is_in_the_table_or_raises(state: State, event: Event) -> None:
    if (state, event) in TRANSITIONS:
        assert after(1, state, event) is TRANSITIONS[state, event]
    else:
        with pytest.raises(WrongState, match=r"Queue entry 1 .* can not"):
            after(1, state, event)


def test_nothing_leads_out_of_an_end_and_every_state_is_reached() -> None:
    assert not {state for state, _ in TRANSITIONS} & ENDED
    assert set(TRANSITIONS.values()) == set(State)
    assert {event for _, event in TRANSITIONS} == set(Event)


class Rows(RuleBasedStateMachine):
    """Whatever happens in whatever order, rows are where the table says, and files where rows need them."""

    def __init__(self) -> None:
        super().__init__()
        self.loop = asyncio.new_event_loop()
        self.folder = tempfile.TemporaryDirectory()
        self.clock = FakeClock()
        opening = Store.open(migrated(Path(self.folder.name)), self.clock, config=StoreConfig(min_free_bytes=0))
        self.store = self.loop.run_until_complete(opening)
        self.model: dict[int, State] = {}
        self.paths: dict[int, str] = {}
        self.tried: dict[int, int] = {}

    def write(self, fn: Callable[[Tx], T]) -> T:
        return self.loop.run_until_complete(self.store.write(fn))

    def read(self, fn: Callable[[Rx], T]) -> T:
        return self.loop.run_until_complete(self.store.read(fn))

    def teardown(self) -> None:
        self.loop.run_until_complete(self.store.close())
        self.loop.close()
        self.folder.cleanup()

    @rule(content=st.integers(0, 2), recipients=st.integers(1, 3))
    def add(self, content: int, recipients: int) -> None:
        staged = self.loop.run_until_complete(self.store.stage_bytes(b"Subject: %d\r\n\r\n" % content))
        file = spool.prepare(self.store, staged)
        rows = [QueueRecipient(f"{number}@far{number % 2}.example") for number in range(recipients)]
        for row in self.write(lambda tx: queue.add(tx, Outgoing("ann@example.test", file, 2**50), rows)):
            self.model[row], self.paths[row], self.tried[row] = State.PENDING, file.name, 0

    @rule(limit=st.integers(1, 3))
    def claim(self, limit: int) -> None:
        for entry in self.write(lambda tx: queue_claim.claim(tx, "worker", limit, 60_000)):
            assert self.model[entry.id] is State.PENDING
            self.model[entry.id] = State.SENDING

    @precondition(lambda self: self.model)
    @rule(which=st.integers(0, 1000), event=st.sampled_from(OF_WORKERS), worker=st.sampled_from(["worker", "late"]))
    def settle(self, which: int, event: Event, worker: str) -> None:
        row = [*self.model][which % len(self.model)]
        settled = Settled(row, event, Attempt(0, 1, code=451, text="said"))
        changed = self.write(lambda tx: queue_record.record(tx, worker, [settled]))
        state = self.model[row]
        may = (state is State.SENDING and worker == "worker") or (state is State.PENDING and event in OF_WAITING)
        assert [entry.id for entry in changed] == ([row] if may else [])
        self.tried[row] += 1
        if may:
            self.model[row] = TRANSITIONS[state, event]

    @precondition(lambda self: self.model)
    @rule(which=st.integers(0, 1000))
    def warn(self, which: int) -> None:
        row = [*self.model][which % len(self.model)]
        if self.model[row] is State.SENDING:  # its worker has other things to say
            with pytest.raises(WrongState):
                self.write(lambda tx: queue_record.record(tx, "worker", [Settled(row, Event.WARN)]))
        else:
            changed = self.write(lambda tx: queue_record.record(tx, "worker", [Settled(row, Event.WARN)]))
            assert bool(changed) == (self.model[row] is State.PENDING)

    @precondition(lambda self: self.model)
    @rule(which=st.integers(0, 1000), event=st.sampled_from([*ORDERS]))
    def order(self, which: int, event: Event) -> None:
        row = [*self.model][which % len(self.model)]
        expected = TRANSITIONS.get((self.model[row], event))
        if expected is None:
            with pytest.raises(WrongState):
                self.write(lambda tx: ORDERS[event](tx, row))
        else:
            self.write(lambda tx: ORDERS[event](tx, row))
            self.model[row] = expected

    @rule()
    def crash(self) -> None:
        lost = self.write(lambda tx: queue_claim.lose(tx, "the next", alone=True))
        sending = {row for row, state in self.model.items() if state is State.SENDING}
        assert {entry.id for entry in lost} == sending
        for row in sending:
            self.model[row] = State.PENDING
            self.tried[row] += 1

    @precondition(lambda self: self.model)
    @rule(which=st.integers(0, 1000))
    def delete(self, which: int) -> None:
        row = [*self.model][which % len(self.model)]
        self.write(lambda tx: queue.remove(tx, row))
        del self.model[row]

    @invariant()
    def rows_are_where_the_table_says(self) -> None:
        entries = {entry.id: entry for entry in self.read(queue.list)}
        assert {row: entry.state for row, entry in entries.items()} == self.model
        for entry in entries.values():
            assert (entry.ended_at is not None) == (entry.state in ENDED)
            assert (entry.locked_by is not None) == (entry.state is State.SENDING)
            assert (entry.held_at is not None) == (entry.state is State.HELD) or entry.state is State.CANCELLED

    @invariant()
    def files_are_where_live_rows_need_them(self) -> None:
        needed = {self.paths[row] for row, state in self.model.items() if state not in ENDED}
        assert {path.name for path in self.store.maildir.spool.iterdir()} == needed

    @invariant()
    def every_attempt_is_kept(self) -> None:
        counts = dict(
            self.read(lambda rx: rx.all("SELECT entry_id, count(*) FROM delivery_attempts GROUP BY entry_id"))
        )
        assert {row: counts.get(row, 0) for row in self.model} == {row: self.tried[row] for row in self.model}


TestRows = Rows.TestCase
TestRows.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
