"""`mailserver tls`: how safe connections to other servers must be, and the reports about it."""

import secrets
from typing import TYPE_CHECKING

import click

from mailserver.cli.context import Context
from mailserver.cli.output import json_option, show_fields, show_json, show_list

if TYPE_CHECKING:
    pass

HOST_COLUMNS = ("host", "preference", "required", "reason")
REMEMBERED_COLUMNS = ("host", "first_seen", "last_seen", "missing_since")
RECEIVED_COLUMNS = ("id", "received", "organization", "domains", "begins", "successes", "failures", "sender")
SENT_COLUMNS = ("day", "domain", "successes", "failures", "done", "outcome")


@click.group()
def tls() -> None:
    """TLS to other servers: what is required of them, what is remembered, and TLS reports (RFC 8460)."""


@tls.command()
@click.argument("domain")
@click.option("--require-tls", is_flag=True, help="As for a message with REQUIRETLS (RFC 8689).")
@json_option
@click.pass_context
def policy(ctx: click.Context, domain: str, require_tls: bool, as_json: bool) -> None:
    """What mail for DOMAIN asks of each of its hosts, and why: DANE, MTA-STS, what is remembered.

    Asks DNS, and the domain's policy host where its policy is not known yet, as a delivery would. Ends with 1 where
    mail could go to none of the hosts.
    """
    from mailserver.outbound_tls.look import look

    context: Context = ctx.obj
    config = context.loaded().config
    found = context.run(lambda store: look(store, config, domain, secrets.token_bytes, require_tls=require_tls))
    hosts = [_host(host) for host in found.hosts]
    if as_json:
        show_json({"domain": found.domain, "dnssec": found.dnssec, "mta_sts": found.sts, "hosts": hosts})
    else:
        show_fields({"domain": found.domain, "dnssec": found.dnssec, "mta_sts": found.sts}, as_json=False)
        click.echo()
        show_list(HOST_COLUMNS, hosts, as_json=False, empty="No host takes mail for this domain")
    if not any(host.is_allowed for host in found.hosts):
        ctx.exit(1)
