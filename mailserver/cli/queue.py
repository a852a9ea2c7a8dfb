"""`mailserver queue`: mail on its way to other servers."""

import dataclasses
from typing import TYPE_CHECKING, Any

import click

from mailserver.cli.context import Context
from mailserver.cli.output import json_option, octets, show_fields, show_list
from mailserver.cli.times import moment

if TYPE_CHECKING:
    from mailserver.store.queue import Entry

COLUMNS = ("id", "sender", "recipient", "status", "attempts", "next_attempt", "size", "last_error")
STATES = ("pending", "sending", "sent", "failed")


@click.group()
def queue() -> None:
    """Mail on its way to other servers: an entry for each message and recipient."""


@queue.command("list")
@click.option("--status", type=click.Choice(STATES), help="Of this state only.")
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=1000, show_default=True)
@json_option
@click.pass_obj
def list_(context: Context, status: str | None, limit: int, as_json: bool) -> None:
    """Entries in the order they will be tried."""
    from mailserver.store import queue as entries

    wanted = entries.Status(status) if status else None
    found = context.run(lambda store: store.read(entries.list, wanted, limit))
    rows = [_fields(entry) | {"size": octets(entry.message_octets)} for entry in found]
    show_list(COLUMNS, [_fields(entry) for entry in found] if as_json else rows, as_json, "The queue is empty")


@queue.command()
@click.argument("entry_id", type=click.IntRange(1), metavar="ID")
@json_option
@click.pass_obj
def show(context: Context, entry_id: int, as_json: bool) -> None:
    """All that is known of one entry."""
    from mailserver.store import queue as entries

    show_fields(_fields(context.run(lambda store: store.read(entries.get, entry_id))), as_json)


@queue.command()
@click.argument("entry_ids", type=click.IntRange(1), nargs=-1, required=True, metavar="ID…")
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


def _fields(entry: "Entry") -> dict[str, Any]:
    """Times as UTC text; the columns of the row otherwise."""
    fields = dataclasses.asdict(entry)
    times = {name: moment(fields[name]) or None for name in ("locked_until", "expires_at")}
    return fields | times | {"status": entry.status.value}
