"""The window of the index moves with the days; what other programs wrote gets into it."""

from mailserver.errors import Refusal
from mailserver.groupware.calendars import index
from mailserver.ical.check import valid_object
from mailserver.ical.lines import parse
from mailserver.store import occurrences
from mailserver.store.database import Tx

BATCH = 10  # objects in one transaction: some 30 ms of the writer


def roll(tx: Tx) -> int:
    """How many were looked at; 0 when nothing is left to do."""
    found = occurrences.list_gaps(tx, tx.now_ms + index.ROLL_MS, BATCH)
    for member_id, data in found:
        try:
            index.write(valid_object(parse(data), ()), tx, member_id)
        except Refusal:  # no calendar object: it is at no time
            occurrences.write(tx, member_id, (), None)
    return len(found)
