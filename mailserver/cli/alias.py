"""`mailserver alias`: addresses that stand for other addresses, here or elsewhere."""

from typing import TYPE_CHECKING, Any

import click

from mailserver.cli.context import Context
from mailserver.cli.noun import Noun
from mailserver.cli.output import json_option, show_list

if TYPE_CHECKING:
    from mailserver.store.aliases import Alias
    from mailserver.store.database import Tx

COLUMNS = ("address", "destinations", "active", "created")


@click.group(cls=Noun)
def alias() -> None:
    """Addresses that stand for other addresses; "*@DOMAIN" takes what nothing else in the domain takes."""


@alias.command()
@click.argument("address")
@click.argument("destinations", nargs=-1, required=True)
@click.pass_obj
def add(context: Context, address: str, destinations: tuple[str, ...]) -> None:
    """Send mail for ADDRESS to the DESTINATIONS; an alias that is there gets them besides those it has."""
    from mailserver.store import aliases

    def write(tx: "Tx") -> "Alias":
        if aliases.find(tx, address) is None:
            return aliases.add(tx, address, destinations)
        aliases.add_targets(tx, address, destinations)
        return aliases.get(tx, address)

    found = context.run(lambda store: store.write(write))
    click.echo(f"{found.address} leads to {', '.join(found.targets)}")


@alias.command("list")
@click.option("--domain", help="Of this domain only.")
@json_option
@click.pass_obj
def list_(context: Context, domain: str | None, as_json: bool) -> None:
    """All aliases by address."""
    from mailserver.store import aliases

    found = context.run(lambda store: store.read(aliases.list, domain))
    empty = "No aliases; add one: mailserver alias add ADDRESS DESTINATION…"
    show_list(COLUMNS, [_fields(item) for item in found], as_json, empty)


@alias.command()
@click.argument("address")
@click.argument("destinations", nargs=-1)
@click.pass_obj
def delete(context: Context, address: str, destinations: tuple[str, ...]) -> None:
    """Delete the alias, or only the DESTINATIONS named."""
    from mailserver.store import aliases

    def write(tx: "Tx") -> None:
        for destination in destinations:
            aliases.remove_target(tx, address, destination)
        if not destinations:
            aliases.remove(tx, address)

    context.run(lambda store: store.write(write))
    click.echo(f"Deleted {', '.join(destinations) + ' from ' if destinations else ''}{address}")


def _fields(item: "Alias") -> dict[str, Any]:
    return {
        "address": item.address,
        "destinations": list(item.targets),
        "active": item.is_active,
        "created": item.created_at,
    }
