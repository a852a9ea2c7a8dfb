"""Where TLS was seen once, its absence is news: mail waits for it, for a set time, before it goes in clear text.

Only that there was TLS is remembered, not which certificate: certificates change all the time and for good reasons,
and who can show another one to us can do so at the first contact as well.
"""

from collections.abc import Callable
from datetime import UTC, datetime

import structlog

from mailserver.outbound_tls.decision import Memory
from mailserver.outbound_tls.kept import Kept
from mailserver.outbound_tls.policy import Recalled
from mailserver.outbound_tls.results import TlsOutcome
from mailserver.store import tls_memory
from mailserver.store.database import Tx
from mailserver.store.store import Store
from mailserver.store.tls_memory import Remembered

DAY_MS = 86_400_000

_log = structlog.get_logger("outbound_tls")


class TlsMemory:
    def __init__(self, store: Store, hold_days: float) -> None:
        """`hold_days`: how long TLS must be missing before clear text will do; 0: nothing is held back."""
        self._store = store
        self._known = Kept(store, tls_memory.find)
        self.hold_days = hold_days

    def close(self) -> None:
        self._known.close()

    async def recall(self, host: str) -> Recalled:
        known = await self._known.get(host.lower())
        now_ms = int(self._store.clock.now().timestamp() * 1000)
        return recalled(known, now_ms, self.hold_days)

    async def note(self, host: str, outcome: TlsOutcome) -> None:
        """One session; writes only what is new, or older than a day."""
        host = host.lower()
        known = await self._known.get(host)
        now_ms = int(self._store.clock.now().timestamp() * 1000)
        if outcome.is_encrypted:
            if known is None or known.missing_since is not None or now_ms - known.last_seen_at > DAY_MS:
                await self._write(tls_memory.saw, host)
        elif known is not None and known.missing_since is None:
            await self._write(tls_memory.missed, host)
            _log.warning("TLS is missing where it was seen before", host=host, outcome=outcome.words)
        elif known is not None and recalled(known, now_ms, self.hold_days).memory is Memory.FELL:
            await self._write(tls_memory.remove, host)
            _log.warning(
                "TLS is not asked of this host any more", host=host, missing_since=_moment(known.missing_since)
            )

    async def _write(self, verb: Callable[[Tx, str], object], host: str) -> None:
        try:
            await self._store.write(verb, host)
        finally:
            self._known.drop(host)


def recalled(known: Remembered | None, now_ms: int, hold_days: float) -> Recalled:
    """The level rises with the first TLS and falls when it has been missing for `hold_days`."""
    if known is None:
        return Recalled()
    seen = f"{known.host} had TLS on {_moment(known.last_seen_at)}"
    if known.missing_since is None:
        if hold_days == 0:
            return Recalled()
        return Recalled(Memory.HELD, f"{seen}; without it mail waits {hold_days:g} days before it goes in clear text")
    since = _moment(known.missing_since)
    if now_ms - known.missing_since >= hold_days * DAY_MS:
        return Recalled(Memory.FELL, f"{seen}, but none since {since}, longer than the {hold_days:g} days mail waits")
    until = _moment(known.missing_since + int(hold_days * DAY_MS))
    return Recalled(Memory.HELD, f"{seen}, but none since {since}; mail waits for it until {until}")


def _moment(ms: int | None) -> str:
    return f"{datetime.fromtimestamp((ms or 0) / 1000, UTC):%Y-%m-%d %H:%M} UTC"
