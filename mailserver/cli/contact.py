"""`mailserver contact`: people that users write to."""

from typing import TYPE_CHECKING, Any

import click

from mailserver.cli.context import Context
from mailserver.cli.noun import Noun
from mailserver.cli.output import json_option, show_list
from mailserver.cli.times import moment

if TYPE_CHECKING:
    from mailserver.store.database import Rx, Tx

SUGGESTED = ("name", "address", "source", "score")
KNOWN = ("name", "address", "messages", "last", "score")


@click.group(cls=Noun)
def contact() -> None:
    """People that users write to, and how completion ranks them."""


@contact.command()
@click.argument("user")
@click.argument("prefix")
@click.option("--limit", type=click.IntRange(1, 100), default=10, show_default=True)
@json_option
@click.pass_obj
def suggest(context: Context, user: str, prefix: str, limit: int, as_json: bool) -> None:
    """Whom a client of the user's is offered for what was typed so far, the best first."""
    from mailserver.groupware.contacts import suggestions
    from mailserver.store import users

    def read(rx: "Rx", now_ms: int) -> list[dict[str, Any]]:
        found = suggestions.suggest(rx, users.get(rx, user).id, prefix, limit, now_ms)
        return [
            {"name": each.name, "address": each.address, "source": str(each.source), "score": round(each.score, 3)}
            for each in found
        ]

    rows = context.run(lambda store: store.read(read, int(store.clock.now().timestamp() * 1000)))
    show_list(SUGGESTED, rows, as_json, "Nobody is called so")


@contact.command("list")
@click.argument("user")
@json_option
@click.pass_obj
def list_(context: Context, user: str, as_json: bool) -> None:
    """Everybody the user has written to, the best first."""
    from mailserver.store import correspondents, users

    def read(rx: "Rx", now_ms: int) -> list[dict[str, Any]]:
        return [
            {
                "name": each.name,
                "address": each.address,
                "messages": each.messages,
                "last": moment(each.last_at),
                "score": round(correspondents.score(each.rank, now_ms), 3),
            }
            for each in correspondents.list(rx, users.get(rx, user).id)
        ]

    rows = context.run(lambda store: store.read(read, int(store.clock.now().timestamp() * 1000)))
    show_list(KNOWN, rows, as_json, "Nobody yet")


@contact.command()
@click.argument("user")
@click.argument("address", required=False)
@click.option("--all", "everybody", is_flag=True, help="Everybody the user has written to.")
@click.pass_obj
def forget(context: Context, user: str, address: str | None, everybody: bool) -> None:
    """Forget somebody the user has written to; contacts in other books stay."""
    from mailserver.errors import BadValue
    from mailserver.groupware.contacts import collecting, suggestions
    from mailserver.store import correspondents, users

    if (address is None) is not everybody:
        raise click.UsageError("Name the address, or --all")

    def write(tx: "Tx") -> int:
        known = correspondents.list(tx, users.get(tx, user).id)
        doomed = [each for each in known if everybody or each.address == suggestions.compared(address or "")]
        if not doomed and not everybody:
            raise BadValue(f"{user} has not written to {address}, or it was forgotten")
        for each in doomed:
            collecting.forget(tx, each)
        return len(doomed)

    count = context.run(lambda store: store.write(write))
    click.echo(f"Forgot {count if everybody else address}")
