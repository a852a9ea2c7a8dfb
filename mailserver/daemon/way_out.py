"""Whoever takes mail to other servers, put together from TLS policies and an SMTP client.

The daemon gives it to its dispatcher; `mailserver send-test` has one of its own for one message.
"""

import asyncio
import secrets
from contextlib import AsyncExitStack
from dataclasses import dataclass

import structlog

from mailserver.config.tree import Config
from mailserver.daemon.outbound import Ground
from mailserver.delivery.local_carrier import LocalCarrier
from mailserver.dkim.sign import Signer
from mailserver.dns.resolver import DnsResolver
from mailserver.outbound_tls.service import OutboundTls
from mailserver.queue.seams import Carrier
from mailserver.remote.consignment import Gates
from mailserver.remote.deliver import Remote
from mailserver.remote.reverse_paths import ReversePaths
from mailserver.store.store import Store

_log = structlog.get_logger("dns")


@dataclass(frozen=True, slots=True)
class WayOut:
    remote: Remote
    tls: OutboundTls
    reverse_paths: ReversePaths | None

    def reconfigure(self, config: Config) -> None:
        if self.reverse_paths is not None:
            self.reverse_paths.reconfigure(config.bounces.unique_senders)
        self.remote.reconfigure(config.outbound)
        self.tls.reconfigure(config)


async def carrier(ground: Ground, gates: Gates, config: Config) -> Carrier:
    """For the dispatcher: rows whose recipients became ours are delivered here. Raises BadValue."""
    store, closing = ground.store, ground.closing
    marked = ReversePaths(ground.letters.marks, config.bounces.unique_senders)
    way = await open_way_out(store, ground.resolver, ground.signer, gates, config, closing, marked)
    way.tls.start()
    asking = asyncio.create_task(tell_about_dnssec(ground.resolver), name="dnssec")
    closing.callback(asking.cancel)
    here = LocalCarrier(store, store.clock, config.server.hostname, config.delivery, config.queue, way.remote)
    ground.take_up.extend([way.reconfigure, lambda new: here.reconfigure(new.delivery, new.queue)])
    return here


async def tell_about_dnssec(resolver: DnsResolver) -> None:
    """One line at the start: whether DANE can hold, or in words why not."""
    await resolver.check()
    if resolver.validates:
        _log.info("DNSSEC is validated")
    else:
        _log.warning("no DANE", reason=resolver.why_not)


async def open_way_out(
    store: Store,
    resolver: DnsResolver,
    signer: Signer,
    gates: Gates,
    config: Config,
    closing: AsyncExitStack,
    reverse_paths: ReversePaths | None = None,
) -> WayOut:
    """Registers with `closing` what it opened. Raises BadValue where the configuration can not be used.

    `reverse_paths`: None leaves all mail with its sender.
    """
    clock = store.clock

    async def sign_report(header: bytes, reverse_path: str, body: bytes) -> bytes:
        return await signer.sign_as_written(header, reverse_path, [body])

    tls = await OutboundTls.open(store, clock, resolver, config, sign_report, secrets.token_bytes, config.outbound.port)
    closing.push_async_callback(tls.close)
    remote = Remote(
        store,
        clock,
        resolver,
        tls.policies,
        gates,
        signer.sign_as_written,
        config.outbound,
        config.server.hostname,
        secrets.token_bytes,
        reverse_paths=reverse_paths,
    )
    closing.push_async_callback(remote.close)
    return WayOut(remote, tls, reverse_paths)
