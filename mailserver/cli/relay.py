"""`mailserver relay`: servers that take our mail for other servers and send it on."""

from typing import TYPE_CHECKING, Any

import click

from mailserver.cli.context import Context
from mailserver.cli.noun import Noun
from mailserver.cli.output import json_option, show_list
from mailserver.cli.password import read_password, stdin_option

if TYPE_CHECKING:
    from mailserver.store.database import Tx
    from mailserver.store.relays import Relay

COLUMNS = ("domain", "host", "port", "tls", "username", "verify")
PROTECTION = {"starttls": "with STARTTLS", "implicit": "with TLS from the start", "none": "without TLS"}
ALL = "all"  # how the relay of every domain is listed

domain_option = click.option("--domain", help="Mail of this domain only.  [default: of every domain]")


@click.group(cls=Noun)
def relay() -> None:
    """Relays (smarthosts): with one, mail for other servers goes there and nowhere else."""


@relay.command("set")
@click.argument("host")
@domain_option
@click.option("--port", type=int, help="[default: 587, 465 with --tls implicit, 25 without TLS]")
@click.option(
    "--tls",
    type=click.Choice(("starttls", "implicit", "none")),
    default="starttls",
    show_default=True,
    help="none: only on this machine.",
)
@click.option("--username", help="To log in with; the password is asked for.")
@stdin_option
@click.option("--no-verify", is_flag=True, help="Use its certificate unseen: whoever is between can read along.")
@click.pass_obj
def set_(
    context: Context,
    host: str,
    domain: str | None,
    port: int | None,
    tls: str,
    username: str | None,
    password_stdin: bool,
    no_verify: bool,
) -> None:
    """Send mail over HOST, in place of what was set before."""
    from mailserver.config.tree import TlsMode
    from mailserver.store import relays
    from mailserver.store.sealing import SealingKey

    password = read_password(password_stdin) if username is not None else ""

    def write(tx: "Tx") -> "Relay":
        key = SealingKey.open(context.data())
        return relays.put(
            tx,
            domain,
            host,
            key=key,
            tls=TlsMode(tls),
            port=port,
            username=username,
            password=password,
            must_verify=not no_verify,
        )

    made = context.run(lambda store: store.write(write))
    way = f"{made.host}:{made.port}, {PROTECTION[made.tls.value]}"
    click.echo(f"Mail of {made.domain or 'every domain'} goes over {way}")


@relay.command("list")
@json_option
@click.pass_obj
def list_(context: Context, as_json: bool) -> None:
    """All that are set, without their passwords."""
    from mailserver.store import relays

    found = context.run(lambda store: store.read(relays.list))
    empty = "No relays: mail goes to its destinations directly"
    show_list(COLUMNS, [_fields(each) for each in found], as_json, empty)


@relay.command()
@domain_option
@click.pass_obj
def remove(context: Context, domain: str | None) -> None:
    """Send that mail directly again, or over the relay of every domain."""
    from mailserver.store import relays

    context.run(lambda store: store.write(relays.remove, domain))
    click.echo(f"The relay of {domain or 'every domain'} is not used any more")


@relay.command()
@domain_option
@click.pass_obj
def test(context: Context, domain: str | None) -> int:
    """Connect, encrypt, log in and leave; prints the conversation. Sends no mail."""
    from mailserver.cli.relay_test import call

    return call(context, domain)


def _fields(item: "Relay") -> dict[str, Any]:
    return {
        "domain": item.domain or ALL,
        "host": item.host,
        "port": item.port,
        "tls": item.tls.value,
        "username": item.username or "",
        "verify": item.must_verify,
    }
