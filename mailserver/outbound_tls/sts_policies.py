"""MTA-STS policies of other domains: announced by DNS, fetched over HTTPS, kept for as long as they say. RFC 8461 §3

find       a TXT record with a new id → fetch; the same id, or no record → what is kept, until its age is over
           a fetch that fails → what is kept; nothing kept → no policy, and no other try for RETRY_SECONDS (§3.3)
refresh    now and then, so that a policy in use does not run out while nobody can fetch it (§3.3, §10.2)
"""

import asyncio
from collections.abc import Awaitable, Callable

import structlog

from mailserver.dns.answers import DnsFailure, Resolver
from mailserver.errors import Refusal
from mailserver.fetching.fetcher import Bounds, Fetched, FetchFailed, Trouble
from mailserver.outbound_tls.kept import Kept
from mailserver.outbound_tls.mta_sts import MAX_POLICY_OCTETS, BadPolicy, Mode, StsPolicy, parse, record_id
from mailserver.outbound_tls.policy import DomainPolicy, Fault
from mailserver.outbound_tls.results import ResultType
from mailserver.store import sts_policies
from mailserver.store.database import Tx
from mailserver.store.store import Store
from mailserver.store.sts_policies import StoredPolicy

RETRY_SECONDS = 900  # after a fetch that failed; RFC 8461 §3.3: five minutes or more
REFRESH_SECONDS = 86_400  # RFC 8461 §3.3: once a day
UNUSED_SECONDS = 30 * 86_400  # policies that no mail asked for are left to run out
USED_SECONDS = 86_400  # how exactly it is known when one was asked for
REFRESH_AT_ONCE = 200  # policies of one round
FETCH = Bounds(MAX_POLICY_OCTETS, seconds=10.0)
TEXT = "text/plain"  # RFC 8461 §3.2

_log = structlog.get_logger("outbound_tls")


Get = Callable[[str, Bounds], Awaitable[Fetched]]


class NoPolicy(Exception):  # noqa: N818 - a finding
    """A policy was announced and could not be had."""

    def __init__(self, reason: str, result_type: ResultType) -> None:
        super().__init__(reason)
        self.fault = Fault(reason, result_type)


class StsCache:
    def __init__(self, store: Store, resolver: Resolver, get: Get, port: int = 443) -> None:
        """`port`: of every policy host; another one than 443 is for tests."""
        self._store = store
        self._resolver = resolver
        self._get = get
        self._host_end = "" if port == 443 else f":{port}"
        self._kept = Kept(store, sts_policies.find)
        self._running: dict[str, asyncio.Task[DomainPolicy]] = {}  # one look per domain at a time

    async def find(self, domain: str) -> DomainPolicy:
        """The policy in force, and what is wrong with it if something is. Never raises for what the domain did."""
        kept, new_id = await self._kept.get(domain), await self._id_of(domain)
        now = self._now_ms()
        if _holds(kept, new_id, now) and not _is_to_be_marked(kept, now):  # nothing to do, so no task for it
            return _in_force(domain, kept, now)
        running = self._running.get(domain)
        if running is None:
            running = self._running[domain] = asyncio.create_task(self._find(domain))
            running.add_done_callback(lambda _: self._running.pop(domain, None))
        return await asyncio.shield(running)

    async def refresh(self) -> int:
        """Fetch policies in use again, once a day each; returns how many were."""
        now = self._now_ms()
        before, since = now - REFRESH_SECONDS * 1000, now - UNUSED_SECONDS * 1000
        due = await self._store.read(sts_policies.list_due, now, before, since, REFRESH_AT_ONCE)
        for kept in due:
            await self._fetched(kept.domain, await self._id_of(kept.domain) or kept.policy_id, kept)
        return len(due)

    async def close(self) -> None:
        """End the fetches that are on their way."""
        self._kept.close()
        running = list(self._running.values())
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _find(self, domain: str) -> DomainPolicy:
        kept = await self._kept.get(domain)
        new_id = await self._id_of(domain)
        now = self._now_ms()
        if _is_to_be_marked(kept, now):
            await self._write(domain, lambda tx: sts_policies.set_used(tx, domain))
        if _holds(kept, new_id, now):
            return _in_force(domain, kept, now)
        return await self._fetched(domain, new_id, kept)

    async def _fetched(self, domain: str, policy_id: str | None, kept: StoredPolicy | None) -> DomainPolicy:
        """Fetch and keep; where that fails, what is kept already."""
        try:
            policy = await self._fetch(domain)
        except NoPolicy as failed:
            fault = failed.fault
            _log.warning("MTA-STS policy not fetched", domain=domain, error=fault.reason)
            retry_at = self._now_ms() + RETRY_SECONDS * 1000
            await self._write(
                domain,
                lambda tx: sts_policies.put_failure(
                    tx, domain, policy_id, retry_at, fault.reason, fault.result_type.value
                ),
            )
            found = _in_force(domain, kept, self._now_ms())
            return found if found.sts else DomainPolicy(domain, None, fault)
        mx = " ".join(policy.mx)
        await self._write(
            domain, lambda tx: sts_policies.put(tx, domain, policy_id, policy.mode.value, policy.max_age, mx)
        )
        return DomainPolicy(domain, policy if policy.mode is not Mode.NONE else None)

    async def _fetch(self, domain: str) -> StsPolicy:
        """Raises NoPolicy. RFC 8461 §3.3: 200 only, no redirect, text/plain, a certificate that holds for the host."""
        url = f"https://mta-sts.{domain}{self._host_end}/.well-known/mta-sts.txt"
        try:
            answer = await self._get(url, FETCH)
        except FetchFailed as failed:
            is_tls = failed.trouble is Trouble.TLS
            kind = ResultType.STS_WEBPKI_INVALID if is_tls else ResultType.STS_POLICY_FETCH_ERROR
            raise NoPolicy(f"{url}: {failed.reason}", kind) from failed
        if answer.status != 200:
            raise NoPolicy(f"{url}: HTTP status {answer.status}", ResultType.STS_POLICY_FETCH_ERROR)
        if answer.content_type != TEXT:
            shown = answer.content_type[:60]
            raise NoPolicy(f"{url}: the answer is {shown!r}, not {TEXT}", ResultType.STS_POLICY_INVALID)
        try:
            return parse(answer.body)
        except BadPolicy as wrong:
            raise NoPolicy(f"{url}: {wrong}", ResultType.STS_POLICY_INVALID) from wrong

    async def _id_of(self, domain: str) -> str | None:
        """None: no record, or DNS does not answer: then what is kept holds. RFC 8461 §3.1"""
        try:
            answer = await self._resolver.txt(f"_mta-sts.{domain}")
        except DnsFailure:
            return None
        return record_id(answer.records)

    async def _write(self, domain: str, verb: Callable[[Tx], None]) -> None:
        try:
            await self._store.write(verb)
        except Refusal as fault:  # a full disk must not hold up mail: what was found holds, and is found again
            _log.warning("MTA-STS policy not kept", domain=domain, error=fault.text)
        finally:
            self._kept.drop(domain)

    def _now_ms(self) -> int:
        return int(self._store.clock.now().timestamp() * 1000)


def _holds(kept: StoredPolicy | None, new_id: str | None, now: int) -> bool:
    """Whether nothing is to be fetched: no other policy was announced, or it could not be had a moment ago."""
    if new_id is None or kept is None:
        return new_id is None
    is_same = kept.policy_id == new_id and (kept.expires_at or 0) > now
    return is_same or (kept.tried_id == new_id and now < kept.retry_at)


def _is_to_be_marked(kept: StoredPolicy | None, now: int) -> bool:
    """As used: a policy nobody asks for is forgotten in the end."""
    return kept is not None and now - kept.used_at > USED_SECONDS * 1000


def _in_force(domain: str, kept: StoredPolicy | None, now: int) -> DomainPolicy:
    if kept is None:
        return DomainPolicy(domain)
    if kept.mode is not None and (kept.expires_at or 0) > now:
        if kept.mode == Mode.NONE:
            return DomainPolicy(domain)
        mx = tuple((kept.mx or "").split())
        return DomainPolicy(domain, StsPolicy(Mode(kept.mode), kept.max_age or 0, mx))
    if kept.failure and kept.failure_type and now < kept.retry_at:
        return DomainPolicy(domain, None, Fault(kept.failure, ResultType(kept.failure_type)))
    return DomainPolicy(domain)
