"""One TLS report for each domain that wants it, about each day that is over. RFC 8460 §4, §5

counted (tally.py) → the day ends → TXT record asked → composed → mailed through the queue, or posted → counts forgotten

No record: nobody wants it, the counts go. What could not be sent is tried every hour, for a day after the first
chance (§5.3), with the same report-id. The first round comes some time after midnight, at a time of this server's
own, so that not all servers of the world report at once (§5.2).
"""

import gzip
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from mailserver.clock import Clock
from mailserver.dns.answers import DnsFailure, Resolver
from mailserver.errors import Refusal
from mailserver.fetching.fetcher import Bounds, Fetcher, FetchFailed
from mailserver.outbound_tls import report_mail
from mailserver.outbound_tls.report_mail import PACKED, Letterhead
from mailserver.outbound_tls.report_targets import Target, targets
from mailserver.outbound_tls.tls_report import TlsReport, of_counts, serialise
from mailserver.store import tls_results
from mailserver.store.store import Store
from mailserver.store.tls_results import SentReport

JITTER_SECONDS = 4 * 3600  # RFC 8460 §5.2
ROUND_SECONDS = 3600.0  # between looks for what is due
GIVE_UP_HOURS = 24  # after the first chance
REPORTS_AT_ONCE = 1000  # of one round
ID_OCTETS = 8
POST = Bounds(max_octets=65_536, seconds=30.0)


# (sender, recipient, the message): in the queue when it returns, signed; raises Refusal
Post = Callable[[str, str, bytes], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who reports."""

    hostname: str
    address: str  # From, and contact; "": no reports by mail


class TlsReporting:
    def __init__(
        self,
        store: Store,
        clock: Clock,
        resolver: Resolver,
        fetcher: Fetcher,
        mail: Post,
        reporter: Reporter,
        random: Callable[[int], bytes],
    ) -> None:
        self._store = store
        self._clock = clock
        self._resolver = resolver
        self._fetcher = fetcher
        self._mail = mail
        self.reporter = reporter
        self.is_reporting = True  # [tls_reports] enabled
        self._random = random
        self._jitter = timedelta(seconds=int.from_bytes(random(4), "big") % JITTER_SECONDS)

    async def report(self) -> int:
        """All that is due; how many reports were made, delivered or not."""
        if not self.is_reporting:
            return 0
        today = f"{self._clock.now() - self._jitter:%Y-%m-%d}"
        due = await self._store.read(tls_results.list_unreported, today, REPORTS_AT_ONCE)
        return sum([await self._report(day, domain) for day, domain in due])

    async def _report(self, day: str, domain: str) -> bool:
        """Whether somebody wanted one."""
        is_last = self._is_last(day)
        try:
            answer = await self._resolver.txt(f"_smtp._tls.{domain}")
        except DnsFailure:
            if is_last:
                await self._store.write(tls_results.remove, day, domain)
            return False
        wanted = targets(answer.records)
        if not wanted:
            await self._store.write(tls_results.remove, day, domain)
            return False
        earlier = await self._store.read(tls_results.find_sent, day, domain)
        report_id = earlier.report_id if earlier else f"{day}.{self._random(ID_OCTETS).hex()}@{self.reporter.hostname}"
        counts = await self._store.read(tls_results.list, day, domain)
        report = of_counts(day, domain, counts, self.reporter.hostname, self.reporter.address, report_id)
        outcomes = dict(earlier.targets) if earlier else {}
        for target in wanted:
            if outcomes.get(target.uri) != "":
                outcomes[target.uri] = await self._deliver(domain, report, target)
        is_done = is_last or all(outcomes[target.uri] == "" for target in wanted)
        now_ms = int(self._clock.now().timestamp() * 1000)
        made = SentReport(day, domain, report_id, report.successes, report.failures, outcomes, is_done, now_ms)
        await self._store.write(tls_results.put_sent, made)
        return True

    async def _deliver(self, domain: str, report: TlsReport, target: Target) -> str:
        """ "" once it is out of our hands, else why not."""
        packed = gzip.compress(serialise(report), mtime=0)
        if target.mailbox is not None:
            return await self._mailed(domain, report, target.mailbox, packed)
        try:
            answer = await self._fetcher.post(target.uri, packed, {"Content-Type": PACKED}, POST)
        except FetchFailed as failed:
            return failed.reason
        return "" if 200 <= answer.status < 300 else f"HTTP status {answer.status}"

    async def _mailed(self, domain: str, report: TlsReport, mailbox: str, packed: bytes) -> str:
        if not self.reporter.address:
            return "no sender for it: tls_reports.address is not set"
        head = Letterhead(
            self.reporter.address,
            self.reporter.hostname,
            domain,
            int(report.date_range.start_datetime.timestamp()),
            int(report.date_range.end_datetime.timestamp()),
            report.report_id,
        )
        now = int(self._clock.now().timestamp())
        message = report_mail.compose(head, mailbox, packed, now, self._random)
        try:
            await self._mail(self.reporter.address, mailbox, message)
        except Refusal as fault:
            return fault.text
        return ""

    def _is_last(self, day: str) -> bool:
        over = datetime.fromisoformat(day).replace(tzinfo=UTC) + timedelta(days=1) + self._jitter
        return self._clock.now() >= over + timedelta(hours=GIVE_UP_HOURS)
