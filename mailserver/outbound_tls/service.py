"""Everything about the TLS of other servers, put together from a store, a resolver and the configuration.

service = await OutboundTls.open(store, clock, resolver, config, sign)
service.policies      for whoever delivers
service.intake        for whoever takes mail in
service.start()       counts are written down, policies refreshed, reports sent, until close()
"""

import asyncio
import ipaddress
from collections.abc import Awaitable, Callable
from functools import partial

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import Config
from mailserver.dns.answers import Resolver
from mailserver.errors import Refusal
from mailserver.fetching.fetcher import Fetcher
from mailserver.outbound_tls.certificates import Authorities, client_context
from mailserver.outbound_tls.memory import TlsMemory
from mailserver.outbound_tls.policy import TlsPolicies
from mailserver.outbound_tls.report_post import ReportPost, Sign
from mailserver.outbound_tls.reporting import ROUND_SECONDS, Reporter, TlsReporting
from mailserver.outbound_tls.sts_policies import StsCache
from mailserver.outbound_tls.tally import FLUSH_SECONDS, ResultTally
from mailserver.outbound_tls.tlsa_lookup import TlsaRecords
from mailserver.store.store import Store

REFRESH_SECONDS = 3600.0  # between looks for MTA-STS policies to fetch again

_log = structlog.get_logger("outbound_tls")


class OutboundTls:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        resolver: Resolver,
        config: Config,
        sign: Sign,
        random: Callable[[int], bytes],
        authorities: Authorities,
        fetcher: Fetcher,
        port: int,
    ) -> None:
        """`port`: where other servers take mail; TLSA records are per port."""
        self._clock = clock
        self._sts = StsCache(store, resolver, fetcher.get)
        self._resolver = resolver
        self._memory = TlsMemory(store, config.outbound_tls.hold_days)
        self._tally = ResultTally(store, clock)
        self.policies = TlsPolicies(
            clock,
            authorities,
            sts=self._sts if config.outbound_tls.mta_sts else None,
            tlsa=TlsaRecords(resolver, port) if config.outbound_tls.dane else None,
            memories=self._memory,
            tally=self._tally,
        )
        post = ReportPost(store, clock, config.server.hostname, sign)
        reporter = Reporter(config.server.hostname, config.tls_reports.address)
        self.reporting = TlsReporting(store, clock, resolver, fetcher, post.send, reporter, random)
        self._tally.is_counting = self.reporting.is_reporting = config.tls_reports.enabled
        self._tasks: list[asyncio.Task[None]] = []

    @classmethod
    async def open(
        cls,
        store: Store,
        clock: Clock,
        resolver: Resolver,
        config: Config,
        sign: Sign,
        random: Callable[[int], bytes],
        port: int = 25,
    ) -> "OutboundTls":
        """Raises BadValue where [outbound_tls] authorities can not be read."""
        authorities, fetcher = _outside(resolver, config)
        return cls(store, clock, resolver, config, sign, random, authorities, fetcher, port)

    def reconfigure(self, config: Config) -> None:
        """`authorities` and what else a connection is built with wait for the next start."""
        self._memory.hold_days = config.outbound_tls.hold_days
        self.reporting.reporter = Reporter(config.server.hostname, config.tls_reports.address)
        self._tally.is_counting = self.reporting.is_reporting = config.tls_reports.enabled
        self.policies.use(
            sts=self._sts if config.outbound_tls.mta_sts else None,
            tlsa=TlsaRecords(self._resolver, config.outbound.port) if config.outbound_tls.dane else None,
        )

    def start(self) -> None:
        for name, work, seconds in (
            ("counts", self._tally.flush, FLUSH_SECONDS),
            ("refresh", self._sts.refresh, REFRESH_SECONDS),
            ("reports", self.reporting.report, ROUND_SECONDS),
        ):
            self._tasks.append(asyncio.create_task(self._now_and_then(name, work, seconds), name=f"tls-{name}"))

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._sts.close()
        self._memory.close()
        try:
            await self._tally.flush()
        except Refusal as fault:
            _log.warning("TLS counts lost", error=fault.text)

    async def _now_and_then(self, name: str, work: Callable[[], Awaitable[int]], seconds: float) -> None:
        while True:
            try:
                done = await work()
            except Refusal as fault:  # a full or failing disk now may be well the next time
                _log.warning("put off", work=name, error=fault.text)
            except Exception:  # the root of a task that nobody would start again
                _log.exception("failed", work=name)
            else:
                if done and name != "counts":
                    _log.info(f"TLS {name} done", count=done)
            await self._clock.sleep(seconds)


async def policies_alone(store: Store, clock: Clock, resolver: Resolver, config: Config, port: int = 25) -> TlsPolicies:
    """To look at policies, not to deliver: nothing is counted. Raises BadValue."""
    authorities, fetcher = _outside(resolver, config)
    return TlsPolicies(
        clock,
        authorities,
        sts=StsCache(store, resolver, fetcher.get) if config.outbound_tls.mta_sts else None,
        tlsa=TlsaRecords(resolver, config.outbound.port) if config.outbound_tls.dane else None,
        memories=TlsMemory(store, config.outbound_tls.hold_days),
    )


def _outside(resolver: Resolver, config: Config) -> tuple[Authorities, Fetcher]:
    file = config.outbound_tls.authorities
    authorities = Authorities.load(file)
    context = client_context(file) if file is not None else partial(client_context, None)
    allowed = [ipaddress.ip_network(network) for network in config.fetching.networks]
    return authorities, Fetcher(resolver, context=context, allowed=allowed)
