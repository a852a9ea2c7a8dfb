"""`mailserver bounce`: mail that came back, and addresses that are not written to for a while."""

from typing import TYPE_CHECKING, Any

import click

from mailserver.cli.context import Context
from mailserver.cli.noun import Noun
from mailserver.cli.output import json_option, show_list
from mailserver.cli.times import moment

if TYPE_CHECKING:
    from mailserver.store.bounces import BounceRow
    from mailserver.store.database import Rx, Tx
    from mailserver.store.suppressions import Suppression

BOUNCE_COLUMNS = ("time", "address", "status", "hard", "source", "text")
SUPPRESSION_COLUMNS = ("address", "since", "until", "bounces", "reason")
DAY_MS = 86_400_000


@click.group(cls=Noun)
def bounce() -> None:
    """Mail that came back; addresses whose mail came back too often are refused at submission for a while."""


@bounce.command("list")
@json_option
@click.pass_obj
def list_(context: Context, as_json: bool) -> None:
    """Addresses that are suppressed now."""
    from mailserver.store import suppressions

    def read(rx: "Rx", now_ms: int) -> "list[Suppression]":
        return suppressions.list(rx, now_ms)

    found = context.run(lambda store: store.read(read, int(store.clock.now().timestamp() * 1000)))
    show_list(SUPPRESSION_COLUMNS, [_suppression(each) for each in found], as_json, "No address is suppressed")


@bounce.command()
@click.argument("address", required=False)
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=100, show_default=True)
@json_option
@click.pass_obj
def show(context: Context, address: str | None, limit: int, as_json: bool) -> None:
    """What came back from ADDRESS, or from anybody; the newest first."""
    from mailserver.store import bounces

    found = context.run(lambda store: store.read(bounces.list, address, limit))
    show_list(BOUNCE_COLUMNS, [_bounce(each) for each in found], as_json, "Nothing came back")


@bounce.command()
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS…")
@click.pass_obj
def release(context: Context, addresses: tuple[str, ...]) -> None:
    """Send to the addresses again; what came back until now does not count any more. All of them or none."""
    from mailserver.store import bounces, suppressions

    def write(tx: "Tx") -> None:
        for address in addresses:
            suppressions.remove(tx, bounces.as_compared(address))
            bounces.forgive(tx, address)

    context.run(lambda store: store.write(write))
    click.echo(f"Released {', '.join(addresses)}")


@bounce.command()
@click.argument("addresses", nargs=-1, required=True, metavar="ADDRESS…")
@click.option("--days", type=click.FloatRange(0, 36_500, min_open=True), help="For so long.  [default: for ever]")
@click.option("--reason", default="suppressed by an operator", show_default=True, help="Told to who writes to it.")
@click.pass_obj
def suppress(context: Context, addresses: tuple[str, ...], days: float | None, reason: str) -> None:
    """Refuse mail of our users to the addresses."""
    from mailserver.store import bounces, names, suppressions

    def write(tx: "Tx") -> None:
        until = None if days is None else tx.now_ms + int(days * DAY_MS)
        for given in addresses:
            names.address(given)  # refuses what is none
            address = bounces.as_compared(given)
            suppressions.add(tx, suppressions.Suppression(address, tx.now_ms, until, 0, reason))

    context.run(lambda store: store.write(write))
    click.echo(f"Suppressed {', '.join(addresses)}{f' for {days:g} days' if days else ''}")


def _bounce(row: "BounceRow") -> dict[str, Any]:
    return {
        "time": moment(row.happened_at),
        "address": row.address,
        "status": row.status,
        "hard": row.is_hard,
        "source": row.source.value,
        "text": row.text,
    }


def _suppression(row: "Suppression") -> dict[str, Any]:
    return {
        "address": row.address,
        "since": moment(row.since),
        "until": moment(row.until) or "released",
        "bounces": row.bounce_count,
        "reason": row.reason,
    }
