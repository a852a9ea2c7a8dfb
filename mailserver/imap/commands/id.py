"""ID: client and server name each other, for bug reports only. RFC 2971."""

from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import ANY
from mailserver.imap.wire.reader import BadSyntax, Reader

MAX_PAIRS = 30
MAX_FIELD_OCTETS = 30
MAX_VALUE_OCTETS = 1024


def parse(r: Reader) -> dict[bytes, bytes | None]:
    """id = "ID" SP id-params-list; "(" #(string SP nstring) ")" / nil"""
    r.sp()
    pairs: dict[bytes, bytes | None] = {}
    if r.accept_word(b"NIL"):
        r.end()
        return pairs
    for field, value in r.parenthesised(lambda: _pair(r), empty=True):
        pairs[field] = value
        if len(pairs) > MAX_PAIRS:
            raise BadSyntax(f"At most {MAX_PAIRS} fields")
    r.end()
    return pairs


def _pair(r: Reader) -> tuple[bytes, bytes | None]:
    field = r.string()
    r.sp()
    value = r.nstring()
    if len(field) > MAX_FIELD_OCTETS or len(value or b"") > MAX_VALUE_OCTETS:
        raise BadSyntax("Field too long")
    return field, value


async def run(s: Session, _: dict[bytes, bytes | None]) -> bytes:
    """Nothing that helps an attacker: no version, no host name. RFC 2971 §4."""
    s.untagged(b'ID ("name" "mailserver")')
    return b"ID completed"


ROWS = {"ID": Row(parse, run, ANY, capability=b"ID")}
