"""`mailserver queue`: mail on its way to other servers. A running server hears of every order at once."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click
import msgspec

from mailserver.cli import queue_show
from mailserver.cli.context import Context
from mailserver.cli.noun import Noun
from mailserver.cli.output import json_option, octets, show_list
from mailserver.cli.queue_choice import Choice, EntryId, chosen, destination_option, ids_argument, named, sender_option
from mailserver.cli.times import moment

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from mailserver.store.database import Tx
    from mailserver.store.queue import Entry
    from mailserver.store.queue_states import State
    from mailserver.store.store import Store

COLUMNS = ("id", "sender", "recipient", "state", "attempts", "next_attempt", "size", "last_error")
SCHEDULED = "scheduled"  # pending, for a later moment
STATES = ("pending", SCHEDULED, "held", "sending", "delivered", "relayed", "bounced", "expired", "cancelled")
STATUSES = {
    "pending": ("pending", "held"),
    "sending": ("sending",),
    "sent": ("delivered", "relayed"),
    "failed": ("bounced", "expired", "cancelled"),
}
MOMENTS = ("locked_until", "expires_at", "not_before", "held_at", "ended_at", "delay_told_at")
BY_OPERATOR = "Cancelled by the operator"


@click.group(cls=Noun)
def queue() -> None:
    """Mail on its way to other servers: an entry for each message and recipient."""


@queue.command("list")
@click.option("--state", "states", type=click.Choice(STATES), multiple=True, help="In this state; may be repeated.")
@click.option("--status", type=click.Choice([*STATUSES]), help="Several states at once, as the database has them.")
@click.option("--held", is_flag=True, help="Those that wait for you: the same as --state held.")
@destination_option
@sender_option
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=1000, show_default=True)
@json_option
@click.pass_obj
def list_(
    context: Context,
    states: tuple[str, ...],
    status: str | None,
    held: bool,
    destination: str | None,
    sender: str | None,
    limit: int,
    as_json: bool,
) -> None:
    """Entries in the order they will be tried, then those that have ended."""
    from mailserver.store import queue_search
    from mailserver.store.queue_states import State

    names = {*states, *(("held",) if held else ()), *(STATUSES[status] if status else ())}
    chosen_states = frozenset(State(name) for name in names if name != SCHEDULED) if names else None
    wanted = queue_search.Wanted(chosen_states, destination, sender)

    async def read(store: "Store") -> "Sequence[Entry]":
        now_ms = int(store.clock.now().timestamp() * 1000) if SCHEDULED in names else None
        return await store.read(queue_search.find, replace(wanted, scheduled_after=now_ms), limit)

    found = context.run(read)
    rows = [fields(entry) for entry in found]
    if not as_json:
        rows = [row | {"size": octets(row["message_octets"]), "last_error": _why(row)} for row in rows]
    show_list(COLUMNS, rows, as_json, "Nothing fits" if wanted != queue_search.Wanted() else "The queue is empty")


@queue.command()
@click.argument("entry_id", type=EntryId(1), metavar="ID")
@json_option
@click.pass_obj
def show(context: Context, entry_id: int, as_json: bool) -> None:
    """All that is known of one entry, and every attempt to deliver it."""
    from mailserver.store import attempts, queue
    from mailserver.store.database import Rx

    def read(rx: Rx) -> tuple[queue.Entry, list[attempts.Attempt]]:
        return queue.get(rx, entry_id), attempts.list(rx, entry_id)

    entry, tried = context.run(lambda store: store.read(read))
    queue_show.entry(fields(entry), tried, as_json)


@queue.command()
@ids_argument
@destination_option
@click.option("--all", "everything", is_flag=True, help="All that was put off; what is scheduled or held stays.")
@click.pass_obj
def retry(context: Context, entry_ids: tuple[int, ...], destination: str | None, everything: bool) -> None:
    """Try now: these entries, or all that was put off (to one destination)."""
    from mailserver.store import queue_orders

    Choice(entry_ids, destination, None, everything).require_one_way()
    if not entry_ids:
        return _flush(context, destination)
    context.run(lambda store: store.write(queue_orders.retry, entry_ids))
    click.echo(named("Due now:", [*entry_ids]))
    return None


@queue.command()
@click.pass_obj
def flush(context: Context) -> None:
    """Try all that was put off now; what is scheduled or held stays."""
    _flush(context, None)


@queue.command()
@chosen
@click.option("--reason", default="", help="Words for whoever looks at it later.")
@click.pass_obj
def hold(
    context: Context, entry_ids: tuple[int, ...], destination: str | None, sender: str | None, reason: str
) -> None:
    """Try these no more until they are released; they are not given up meanwhile."""
    from mailserver.store import queue_orders
    from mailserver.store.queue_states import State

    choice = Choice(entry_ids, destination, sender)
    _order(context, choice, (State.PENDING,), lambda tx, ids: queue_orders.hold(tx, ids, reason), "Held")


@queue.command()
@chosen
@click.option("--all", "everything", is_flag=True, help="All that is held.")
@click.pass_obj
def release(
    context: Context, entry_ids: tuple[int, ...], destination: str | None, sender: str | None, everything: bool
) -> None:
    """Let held entries go on, at their time if that is still to come."""
    from mailserver.store import queue_orders
    from mailserver.store.queue_states import State

    choice = Choice(entry_ids, destination, sender, everything)
    _order(context, choice, (State.HELD,), queue_orders.release, "Released")


@queue.command()
@chosen
@click.option("--reason", default=BY_OPERATOR, show_default=True)
@click.pass_obj
def cancel(
    context: Context, entry_ids: tuple[int, ...], destination: str | None, sender: str | None, reason: str
) -> None:
    """Give entries up that are not sent yet; nobody is told, and they stay in the history."""
    from mailserver.store import queue_orders
    from mailserver.store.queue_states import State

    choice, states = Choice(entry_ids, destination, sender), (State.PENDING, State.HELD)
    _order(context, choice, states, lambda tx, ids: queue_orders.cancel(tx, ids, reason), "Cancelled")


@queue.command()
@click.argument("entry_ids", type=EntryId(1), nargs=-1, required=True, metavar="ID…")
@click.pass_obj
def delete(context: Context, entry_ids: tuple[int, ...]) -> None:
    """Take entries out of the queue for good; nobody is told. All of them or none."""
    from mailserver.store import queue as entries
    from mailserver.store.database import Tx

    def write(tx: Tx) -> None:
        for entry_id in entry_ids:
            entries.remove(tx, entry_id)

    context.run(lambda store: store.write(write))
    click.echo(f"Deleted {', '.join(map(str, entry_ids))}")


@queue.command()
@json_option
@click.pass_obj
def stats(context: Context, as_json: bool) -> None:
    """How much waits, since when, for whom, and why."""
    from mailserver.store import lanes, queue_watch
    from mailserver.store.queue_watch import Stats
    from mailserver.store.store import Store

    async def read(store: Store) -> tuple[Stats, list[lanes.Lane]]:
        now_ms = int(store.clock.now().timestamp() * 1000)
        return await store.read(queue_watch.stats, now_ms), await store.read(lanes.list)

    queue_show.stats(*context.run(read), as_json)


def _flush(context: Context, destination: str | None) -> None:
    from mailserver.store import queue_orders

    count = context.run(lambda store: store.write(queue_orders.flush, destination))
    click.echo(f"Due now: {count} {'entry' if count == 1 else 'entries'}")


def _order(
    context: Context,
    choice: Choice,
    states: "tuple[State, ...]",
    order: "Callable[[Tx, list[int]], object]",
    did: str,
) -> None:
    """All of the chosen or none."""
    from mailserver.store.database import Tx

    choice.require_one_way()

    def write(tx: Tx) -> list[int]:
        ids = choice.ids(tx, *states)
        order(tx, ids)
        return ids

    click.echo(named(did, context.run(lambda store: store.write(write))))


def _why(row: dict[str, Any]) -> str | None:
    """Who held it said why; that is what one looks for."""
    return f"held: {row['hold_reason']}" if row["hold_reason"] else row["last_error"]


def fields(entry: "Entry") -> dict[str, Any]:
    """The columns of the row and its state; times as UTC text."""
    columns = msgspec.structs.asdict(entry)
    times = {name: moment(columns[name]) or None for name in MOMENTS}
    return columns | times | {"status": entry.status.value, "state": entry.state.value}
