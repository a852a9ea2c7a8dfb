"""What STORE changes, and under which condition. RFC 9051 §6.4.6, RFC 7162 §3.1.3."""

from dataclasses import dataclass

from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.mail.flags import FlagMode, FlagSet


@dataclass(frozen=True, slots=True)
class StoreItem:
    mode: FlagMode
    flags: FlagSet
    silent: bool = False
    unchanged_since: int | None = None  # modseq; messages changed after it are left alone


def parse(r: Reader) -> StoreItem:
    """[SP "(" "UNCHANGEDSINCE" SP number64 ")"] SP ["+" / "-"] "FLAGS" [".SILENT"] SP (flag-list / flag *(SP flag))

    Raises LimitReached and BadValue too, see Reader.flag.
    """
    r.sp()
    unchanged_since = None
    if r.peek() == b"(":
        unchanged_since = _unchanged_since(r)
        r.sp()
    mode = FlagMode.ADD if r.accept(b"+") else FlagMode.REMOVE if r.accept(b"-") else FlagMode.REPLACE
    silent = _SILENT.get(r.item_name())
    if silent is None:
        raise BadSyntax("FLAGS expected")
    r.sp()
    return StoreItem(mode, _flags(r), silent, unchanged_since)


_SILENT = {"FLAGS": False, "FLAGS.SILENT": True}


def _unchanged_since(r: Reader) -> int:
    r.expect(b"(")
    if r.word() != "UNCHANGEDSINCE":
        raise BadSyntax("Unknown STORE modifier")
    r.sp()
    modseq = r.number64()
    r.expect(b")")
    return modseq


def _flags(r: Reader) -> FlagSet:
    if r.peek() == b"(":
        return r.flag_list()
    flags = [r.flag()]
    while r.accept(b" "):
        flags.append(r.flag())
    return r.flag_set(flags)
