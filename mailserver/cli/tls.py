"""`mailserver tls`: how safe connections to other servers must be, and the reports about it."""

import json
import secrets
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import click

from mailserver.cli.context import Context
from mailserver.cli.noun import Noun
from mailserver.cli.output import json_option, show_fields, show_json, show_list
from mailserver.cli.times import moment

if TYPE_CHECKING:
    from mailserver.outbound_tls.look import DomainLook
    from mailserver.store.store import Store
    from mailserver.store.tls_memory import Remembered
    from mailserver.store.tls_reports import ReceivedReport
    from mailserver.store.tls_results import SentReport

HOST_COLUMNS = ("host", "preference", "required", "reason")
REMEMBERED_COLUMNS = ("host", "first_seen", "last_seen", "missing_since")
RECEIVED_COLUMNS = ("id", "received", "organization", "domains", "begins", "successes", "failures", "sender")
SENT_COLUMNS = ("day", "domain", "successes", "failures", "done", "targets")
MAX_LISTED = 1000


@click.group(cls=Noun)
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
    context: Context = ctx.obj

    async def work(store: "Store") -> "DomainLook":
        from mailserver.dns.resolver import DnsResolver
        from mailserver.outbound_tls.look import look
        from mailserver.outbound_tls.service import policies_alone
        from mailserver.store import names

        config = context.loaded().config
        resolver = DnsResolver(config.dns, store.clock)
        try:
            policies = await policies_alone(store, store.clock, resolver, config)
            return await look(
                store, resolver, policies, names.domain(domain), secrets.token_bytes, require_tls=require_tls
            )
        finally:
            await resolver.close()

    found = context.run(work)
    if as_json:
        show_json(asdict(found))
    else:
        show_fields({"domain": found.domain, "DNSSEC": found.dnssec, "MTA-STS": found.sts}, as_json=False)
        click.echo()
        if found.why_none:
            click.echo(f"{found.why_none}: mail to it fails at once")
        else:
            show_list(HOST_COLUMNS, [asdict(host) for host in found.hosts], False, "")
    if not any(host.is_allowed for host in found.hosts):
        ctx.exit(1)


@tls.command()
@click.argument("name")
@click.pass_obj
def forget(context: Context, name: str) -> None:
    """Drop what is remembered of NAME, a domain or a host: its MTA-STS policy, and that it had TLS.

    The next delivery learns it anew. For a domain that moved to a server without TLS, name the host.
    """

    async def work(store: "Store") -> list[str]:
        from mailserver.store import names, sts_policies, tls_memory

        wanted = names.domain(name)
        forgotten = ["its MTA-STS policy"] if await store.write(sts_policies.remove, wanted) else []
        return [*forgotten, "that it had TLS"] if await store.write(tls_memory.remove, wanted) else forgotten

    forgotten = context.run(work)
    click.echo(f"Forgot of {name}: {' and '.join(forgotten)}" if forgotten else f"Nothing is remembered of {name}")


@tls.command()
@json_option
@click.pass_obj
def remembered(context: Context, as_json: bool) -> None:
    """Hosts that had TLS: mail for them waits rather than going in clear text. Those where it is missing come first."""
    from mailserver.store import tls_memory

    found = context.run(lambda store: store.read(tls_memory.list, MAX_LISTED))
    show_list(REMEMBERED_COLUMNS, [_remembered(host) for host in found], as_json, "No host is remembered")


@tls.command()
@click.option("--sent", is_flag=True, help="Reports of this server about others instead.")
@json_option
@click.pass_obj
def reports(context: Context, sent: bool, as_json: bool) -> None:
    """TLS reports of others about domains here, the newest first."""
    from mailserver.store import tls_reports, tls_results

    if sent:
        made = context.run(lambda store: store.read(tls_results.list_sent, MAX_LISTED))
        show_list(SENT_COLUMNS, [_sent(report) for report in made], as_json, "No reports were sent")
        return
    received = context.run(lambda store: store.read(tls_reports.list, MAX_LISTED))
    show_list(RECEIVED_COLUMNS, [_received(report) for report in received], as_json, "No reports were received")


@tls.command()
@click.argument("report_id", metavar="ID", type=int)
@json_option
@click.pass_obj
def show(context: Context, report_id: int, as_json: bool) -> None:
    """What a report of others comes to; --json prints all of it, as it came."""
    from mailserver.store import tls_reports

    report, text = context.run(lambda store: store.read(tls_reports.get, report_id))
    if as_json:
        show_json(json.loads(text))
    else:
        show_fields(_received(report), as_json)


def _remembered(host: "Remembered") -> dict[str, Any]:
    return {
        "host": host.host,
        "first_seen": moment(host.first_seen_at),
        "last_seen": moment(host.last_seen_at),
        "missing_since": moment(host.missing_since) or None,
    }


def _received(report: "ReceivedReport") -> dict[str, Any]:
    return {
        "id": report.id,
        "received": moment(report.received_at),
        "organization": report.organization,
        "report_id": report.report_id,
        "contact": report.contact,
        "domains": report.domains.split(),
        "begins": moment(report.begins_at),
        "ends": moment(report.ends_at),
        "successes": report.successes,
        "failures": report.failures,
        "sender": report.sender,
    }


def _sent(report: "SentReport") -> dict[str, Any]:
    return {
        "day": report.day,
        "domain": report.domain,
        "report_id": report.report_id,
        "successes": report.successes,
        "failures": report.failures,
        "done": report.is_done,
        "targets": [f"{uri}: {why or 'delivered'}" for uri, why in report.targets.items()],
    }
