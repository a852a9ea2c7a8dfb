"""UIDs as a condition of a query: a run of them is a range, which SQLite walks instead of looking up each."""

import json
from collections.abc import Sequence

from mailserver.store.database import Value


def among(uids: Sequence[int], column: str = "uid") -> tuple[str, tuple[Value, ...]]:
    """The condition and what is bound to it. `uids`: ascending, none twice, or the condition is a plain list."""
    if uids and uids[-1] - uids[0] + 1 == len(uids):
        return f"{column} BETWEEN ? AND ?", (uids[0], uids[-1])
    return f"{column} IN (SELECT value FROM json_each(?))", (json.dumps([*uids]),)
