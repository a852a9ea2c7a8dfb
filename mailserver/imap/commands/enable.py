"""ENABLE: the client says which extensions it understands. RFC 5161."""

from mailserver.imap.capabilities import spelling
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import AUTHENTICATED
from mailserver.imap.wire.reader import Reader


def parse(r: Reader) -> list[str]:
    """enable = "ENABLE" 1*(SP capability)"""
    names: list[str] = []
    while not names or not r.at_end():
        r.sp()
        names.append(r.word())
    return names


async def run(s: Session, names: list[str]) -> bytes:
    """ENABLED names only what is newly on; unknown names are passed over. RFC 5161 §3.1, §3.2."""
    fresh = [name for name in dict.fromkeys(names) if s.may_enable(name) and name not in s.enabled]
    s.untagged(b" ".join([b"ENABLED", *map(spelling, fresh)]))
    if not _IMPLY_CONDSTORE.isdisjoint(fresh):
        s.need_condstore()
    s.enable(*fresh)
    return b"ENABLE completed"


_IMPLY_CONDSTORE = {"CONDSTORE", "QRESYNC"}  # RFC 7162 §3.2.3


ROWS = {"ENABLE": Row(parse, run, AUTHENTICATED, capability=b"ENABLE")}
