"""`mailserver domain`: the domains whose mail ends here."""

from typing import TYPE_CHECKING, Any

import click

from mailserver.cli.context import Context
from mailserver.cli.noun import Noun
from mailserver.cli.output import json_option, show_fields, show_list
from mailserver.cli.sending_limits import chosen_limit, limit_words, per_hour_option, shown_limit
from mailserver.cli.times import moment

if TYPE_CHECKING:
    from mailserver.store.dkim_keys import DkimKey
    from mailserver.store.domains import Domain
    from mailserver.store.store import Store

COLUMNS = ("name", "active", "separator", "created")


@click.group(cls=Noun)
def domain() -> None:
    """Domains whose mail ends here. A deleted one can be restored until it is purged (store.purge_days)."""


@domain.command()
@click.argument("name")
@click.option(
    "--separator", help="What parts a local part from its detail; empty for none.  [default: from the config]"
)
@click.pass_obj
def add(context: Context, name: str, separator: str | None) -> None:
    """Add a domain; mail for it is accepted as soon as it has users or aliases.

    It gets keys for signing (DKIM): publish the records that are printed. Mail is signed when they are in the DNS.
    """
    from mailserver.cli.dkim_records import show_records
    from mailserver.dkim.new_keys import generate
    from mailserver.store import domains

    if separator is None:
        separator = context.loaded().config.delivery.subaddress_separator

    async def work(store: "Store") -> "list[DkimKey]":
        added = await store.write(domains.add, name, separator)
        click.echo(f"Added {added.name}")
        return await generate(store, context.loaded().config.dkim, added.name)

    show_records(context.run(work), as_json=False)


@domain.command("list")
@click.option("--deleted", is_flag=True, help="Those that can be restored instead.")
@json_option
@click.pass_obj
def list_(context: Context, deleted: bool, as_json: bool) -> None:
    """All domains by name."""
    from mailserver.store import domains

    found = context.run(lambda store: store.read(domains.list, deleted=deleted))
    columns = (*COLUMNS, "deleted") if deleted else COLUMNS
    show_list(columns, [_fields(item) for item in found], as_json, "No domains; add one: mailserver domain add NAME")


@domain.command()
@click.argument("name")
@json_option
@click.pass_obj
def show(context: Context, name: str, as_json: bool) -> None:
    """One domain, with how many users and aliases it has."""
    from mailserver.store import aliases, domains, submissions, users
    from mailserver.store.database import Rx

    def read(rx: Rx) -> dict[str, Any]:
        found = domains.get(rx, name)
        return {
            **_fields(found),
            "users": len(users.list(rx, found.name)),
            "aliases": len(aliases.list(rx, found.name)),
            "recipients_per_hour": shown_limit(submissions.domain_limit(rx, found.id)),
        }

    show_fields(context.run(lambda store: store.read(read)), as_json)


@domain.command("set")
@click.argument("name")
@per_hour_option("submission.domain_per_hour")
@click.pass_obj
def set_(context: Context, name: str, per_hour: int | str | None) -> None:
    """Change how much all its users may send together."""
    from mailserver.store import domains

    if per_hour is None:
        raise click.UsageError("Nothing to set; see --help")
    context.run(lambda store: store.write(domains.set_submissions_per_hour, name, chosen_limit(per_hour)))
    click.echo(f"All of {name} may send to {limit_words(per_hour)}")


@domain.command()
@click.argument("name")
@click.pass_obj
def disable(context: Context, name: str) -> None:
    """Refuse its mail and its logins, at once; nothing is deleted."""
    _set_active(context, name, False)
    click.echo(f"Disabled {name}")


@domain.command()
@click.argument("name")
@click.pass_obj
def enable(context: Context, name: str) -> None:
    """Take back `disable`."""
    _set_active(context, name, True)
    click.echo(f"Enabled {name}")


@domain.command()
@click.argument("name")
@click.pass_obj
def delete(context: Context, name: str) -> None:
    """Delete it with its users and aliases; `restore` brings all back."""
    from mailserver.store import domains

    context.run(lambda store: store.write(domains.remove, name))
    days = context.loaded().config.store.purge_days
    click.echo(f"Deleted {name}; for {days} days 'mailserver domain restore {name}' brings it back")


@domain.command()
@click.argument("name")
@click.pass_obj
def restore(context: Context, name: str) -> None:
    """Bring back a deleted domain with all it had."""
    from mailserver.store import domains

    context.run(lambda store: store.write(domains.restore, name))
    click.echo(f"Restored {name}")


@domain.command()
@click.argument("name")
@click.option("--ipv4", help="An IPv4 address of this machine; '' for any.")
@click.option("--ipv6", help="An IPv6 address of this machine; '' for any.")
@click.pass_obj
def source(context: Context, name: str, ipv4: str | None, ipv6: str | None) -> None:
    """The addresses its mail leaves from, in place of outbound.source_ipv4 and source_ipv6; shows or sets them."""
    from mailserver.store import domains, relays
    from mailserver.store.database import Tx

    def write(tx: Tx) -> relays.Departure:
        known = relays.departure(tx, domains.get(tx, name).id)
        if ipv4 is not None or ipv6 is not None:
            kept4 = known.ipv4 if ipv4 is None else ipv4 or None
            kept6 = known.ipv6 if ipv6 is None else ipv6 or None
            relays.set_sources(tx, name, kept4, kept6)
        return relays.departure(tx, domains.get(tx, name).id)

    now = context.run(lambda store: store.write(write))
    click.echo(f"Mail of {name} leaves from {now.ipv4 or 'any IPv4 address'} and {now.ipv6 or 'any IPv6 address'}")


def _set_active(context: Context, name: str, active: bool) -> None:
    from mailserver.store import domains

    context.run(lambda store: store.write(domains.set_active, name, active))


def _fields(item: "Domain") -> dict[str, Any]:
    return {
        "name": item.name,
        "active": item.is_active,
        "separator": item.subaddress_separator,
        "created": item.created_at,
        **({"deleted": moment(item.deleted_at)} if item.deleted_at else {}),
    }
