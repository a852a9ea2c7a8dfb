"""CANCELUPDATE: results of these tags are not kept up to date any more. RFC 5267 §4.3.5."""

from mailserver.errors import Refusal
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import SELECTED
from mailserver.imap.wire.reader import Reader


class NoSuchUpdate(Refusal):
    text = "No result of this tag is kept up to date"


def parse(r: Reader) -> list[bytes]:
    """cancelupdate = "CANCELUPDATE" 1*(SP quoted)"""
    tags: list[bytes] = []
    while not tags or not r.at_end():
        r.sp()
        tags.append(r.string())
    return tags


async def run(s: Session, tags: list[bytes]) -> bytes:
    """All that are known are cancelled, also where another is not."""
    contexts = s.selected.contexts
    known = [contexts.pop(tag, None) for tag in dict.fromkeys(tags)]
    if None in known:
        raise NoSuchUpdate
    return b"CANCELUPDATE completed"


ROWS = {"CANCELUPDATE": Row(parse, run, SELECTED, capability=b"CONTEXT=SEARCH")}
