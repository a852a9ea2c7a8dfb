"""Sessions counted for TLS reports: in memory, written down every minute and at the end. RFC 8460 §4

A crash costs the counts of the last minute; every session a write of its own would cost more than they are worth.
"""

import json
from collections import Counter

from mailserver.clock import Clock
from mailserver.outbound_tls.applied import Applied
from mailserver.outbound_tls.results import TlsOutcome
from mailserver.store import tls_results
from mailserver.store.store import Store
from mailserver.store.tls_results import Counted

FLUSH_SECONDS = 60.0
MAX_WAITING = 10_000  # different sessions in memory; beyond it details are left out
MAX_STRINGS = 50  # lines of a policy that go into a report
MAX_REASON = 300  # characters


class ResultTally:
    def __init__(self, store: Store, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._counts: Counter[Counted] = Counter()
        self.is_counting = True  # [tls_reports] enabled

    def count(self, applied: Applied, destination: str, host: str, address: str, outcome: TlsOutcome) -> None:
        if not self.is_counting:
            return
        day = f"{self._clock.now():%Y-%m-%d}"
        counted = Counted(day, destination, policy_text(applied))
        if outcome.result_type is not None:
            counted = Counted(
                day,
                destination,
                counted.policy,
                outcome.result_type.value,
                outcome.sending_address,
                host,
                address,
                outcome.words[:MAX_REASON],
            )
        if len(self._counts) >= MAX_WAITING and counted not in self._counts:
            counted = counted.without_details()
        self._counts[counted] += 1

    async def flush(self) -> int:
        """Write down what was counted; how many different ones. What can not be written is kept for the next time."""
        counts, self._counts = self._counts, Counter()
        if not counts:
            return 0
        try:
            await self._store.write(tls_results.add, list(counts.items()))
        except BaseException:
            self._counts.update(counts)
            raise
        return len(counts)


def policy_text(applied: Applied) -> str:
    """RFC 8460 §4.4, without the domain; the same text for the same policy."""
    policy: dict[str, object] = {"policy-type": applied.type.value}
    if applied.strings:
        policy["policy-string"] = list(applied.strings[:MAX_STRINGS])
    if applied.mx_patterns:
        policy["mx-host"] = list(applied.mx_patterns[:MAX_STRINGS])
    return json.dumps(policy, separators=(",", ":"))
