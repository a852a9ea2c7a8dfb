"""Mail hosts that the server slowed down for or leaves alone, as the serving process noted them for others."""

import builtins
from collections.abc import Iterable
from dataclasses import dataclass

from mailserver.store.database import Rx, Tx

MAX_LANES = 1000  # noted
MAX_REASON = 300  # characters


@dataclass(frozen=True, slots=True)
class Lane:
    host: str
    circuit: str  # closed, open, half open
    pace: int  # step of slowness, 0 for none
    reason: str  # what the host said, or what failed there
    noted_at: int = 0  # epoch milliseconds; replace() puts the transaction's time in


def replace(tx: Tx, lanes: Iterable[Lane]) -> None:
    """These and no others."""
    tx.run("DELETE FROM outbound_lanes")
    tx.many(
        "INSERT OR REPLACE INTO outbound_lanes (host, circuit, pace, reason, noted_at) VALUES (?, ?, ?, ?, ?)",
        [(lane.host, lane.circuit, lane.pace, lane.reason[:MAX_REASON], tx.now_ms) for lane in [*lanes][:MAX_LANES]],
    )


def list(rx: Rx) -> builtins.list[Lane]:
    """By host."""
    rows = rx.all("SELECT host, circuit, pace, reason, noted_at FROM outbound_lanes ORDER BY host")
    return [Lane(*row) for row in rows]
