"""`mailserver relay test`: the conversation with a relay up to where mail would begin."""

import secrets

import click

from mailserver.cli.context import Context
from mailserver.config.tree import Config
from mailserver.dns.resolver import DnsResolver
from mailserver.log import safe
from mailserver.outbound_tls.certificates import Authorities
from mailserver.outbound_tls.policy import TlsPolicies
from mailserver.remote.deliver import Remote
from mailserver.remote.gates import OpenGates
from mailserver.remote.spooled import unsigned
from mailserver.remote.transcript import Line
from mailserver.store import relays
from mailserver.store.store import Store

FAILED = 1


def call(context: Context, domain: str | None) -> int:
    """The exit code."""
    config = context.loaded().config
    failure = context.run(lambda store: _probe(store, config, domain))
    click.echo(failure or "The relay is ready for mail")
    return FAILED if failure else 0


async def _probe(store: Store, config: Config, domain: str | None) -> str:
    relay = await store.read(relays.get, domain)
    departure = await store.read(relays.departure, relay.domain_id)
    resolver = DnsResolver(config.dns, store.clock)
    try:
        return await (await _remote(store, config, resolver)).probe(departure, _show)
    finally:
        await resolver.close()


async def _remote(store: Store, config: Config, resolver: DnsResolver) -> Remote:
    authorities = await store.in_thread(Authorities.load, config.outbound_tls.authorities)
    policies = TlsPolicies(store.clock, authorities)
    hostname = config.server.hostname
    return Remote(
        store,
        store.clock,
        resolver,
        policies,
        OpenGates(),
        unsigned,
        config.outbound,
        hostname,
        secrets.token_bytes,
    )


def _show(line: Line) -> None:
    click.echo(f"{line.direction.value} {safe(line.text)}")
