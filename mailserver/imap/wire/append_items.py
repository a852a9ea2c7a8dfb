"""What APPEND says of a message before its octets. RFC 9051 §6.3.12, RFC 4466 §2.5."""

from dataclasses import dataclass

from mailserver.imap.wire.reader import Reader
from mailserver.mail.flags import EMPTY, FlagSet


@dataclass(frozen=True, slots=True)
class AppendItem:
    flags: FlagSet = EMPTY
    internal_date: int | None = None  # epoch seconds; None: now


def parse(r: Reader) -> AppendItem:
    """SP [flag-list SP] [date-time SP], up to where the octets begin.

    Stands behind the mailbox name, or behind the message before it (RFC 3502).
    """
    r.sp()
    while r.accept(b" "):  # imapclient's multiappend (3.0) sends two
        continue
    flags, internal_date = EMPTY, None
    if r.peek() == b"(":
        flags = r.flag_list()
        r.sp()
    if r.peek() == b'"':
        internal_date = r.date_time()
        r.sp()
    return AppendItem(flags, internal_date)
