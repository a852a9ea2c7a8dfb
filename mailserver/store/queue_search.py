"""Rows of the outbound queue by what a person looks for."""

from collections.abc import Sequence
from dataclasses import dataclass

from mailserver.store.database import Rx, Value
from mailserver.store.queue import COLUMNS, DUE, Entry, entry_of, json_of
from mailserver.store.queue_states import ENDED, State

NEVER = 2**62  # epoch milliseconds
LIVE = frozenset(State) - ENDED

# State as Entry.state has it.
_STATE = """CASE WHEN ended_as IS NOT NULL THEN ended_as WHEN status = 'sending' THEN 'sending'
                 WHEN held_at IS NOT NULL THEN 'held' ELSE 'pending' END"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """None: any."""

    states: frozenset[State] | None = None
    destination: str | None = None  # A-labels in lower case, or an address literal
    sender: str | None = None  # reverse-path in any case, "" for the null one, "@example.org" for a whole domain
    scheduled_after: int | None = None  # epoch milliseconds: besides those states, what waits for a later moment


def find(rx: Rx, wanted: Wanted, limit: int) -> Sequence[Entry]:
    """Live ones in the order they will be tried, then those that have ended, the last first."""
    states = frozenset(State) if wanted.states is None else wanted.states
    found: list[Entry] = []
    for some, which, order in (
        (states & LIVE, "ended_at IS NULL", "next_attempt, id"),
        (states & ENDED, "ended_at IS NOT NULL", "ended_at DESC, id DESC"),
    ):
        where, values = _where(wanted, some)
        sql = f"SELECT {COLUMNS} FROM outbound_queue WHERE {which} AND {where} ORDER BY {order} LIMIT ?"
        found += [entry_of(row) for row in rx.all(sql, *values, limit - len(found))]
    return found


def ids(rx: Rx, wanted: Wanted) -> Sequence[int]:
    """Of live rows."""
    where, values = _where(wanted, LIVE if wanted.states is None else wanted.states & LIVE)
    rows = rx.all(f"SELECT id FROM outbound_queue WHERE ended_at IS NULL AND {where} ORDER BY id", *values)
    return [entry_id for (entry_id,) in rows]


def _where(wanted: Wanted, states: frozenset[State]) -> tuple[str, list[Value]]:
    scheduled = f"OR ({DUE} AND coalesce(not_before, 0) > coalesce(?, {NEVER}))"
    conditions = [f"({_STATE} IN (SELECT value FROM json_each(?)) {scheduled})"]
    values: list[Value] = [json_of(sorted(states)), wanted.scheduled_after]
    if wanted.destination is not None:
        conditions.append("destination = ?")
        values.append(wanted.destination)
    if wanted.sender is not None and wanted.sender.startswith("@"):
        conditions.append("substr(lower(sender), -?) = ?")
        values += [len(wanted.sender), wanted.sender.lower()]
    elif wanted.sender is not None:
        conditions.append("lower(sender) = ?")
        values.append(wanted.sender.lower())
    return " AND ".join(conditions), values
