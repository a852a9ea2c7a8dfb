"""What GETMETADATA and SETMETADATA say. RFC 5464 §5."""

from dataclasses import dataclass

from mailserver.imap.wire.reader import BadSyntax, Reader

MAX_ENTRIES = 100  # of one command
DEPTHS = {"0": 0.0, "1": 1.0, "INFINITY": float("inf")}


@dataclass(frozen=True, slots=True)
class MetadataOptions:
    max_size: int | None = None  # octets of a value; longer ones are left out
    depth: float = 0  # levels below the entries


@dataclass(frozen=True, slots=True)
class GetMetadata:
    name: str  # "" is the server
    entries: tuple[str, ...]
    options: MetadataOptions


@dataclass(frozen=True, slots=True)
class SetMetadata:
    name: str
    changes: tuple[tuple[str, bytes | None], ...]  # None removes


def parse_get(r: Reader) -> GetMetadata:
    """getmetadata = "GETMETADATA" [SP getmetadata-options] SP mailbox SP entries

    The examples of the RFC have the options behind the mailbox: both are taken. Where a list follows the mailbox it
    is one of options if something follows it.
    """
    r.sp()
    options = None
    if r.peek() == b"(":
        options = _options(r)
        r.sp()
    name = r.mailbox()
    r.sp()
    if options is None and _begins_with_option(r):
        options = _options(r)
        r.sp()
    entries = parse_entries(r)
    r.end()
    return GetMetadata(name, entries, options or MetadataOptions())


def parse_set(r: Reader) -> SetMetadata:
    """setmetadata = "SETMETADATA" SP mailbox SP "(" entry SP value *(SP entry SP value) ")" """
    r.sp()
    name = r.mailbox()
    r.sp()
    changes = r.parenthesised(lambda: _change(r))
    r.end()
    if len(changes) > MAX_ENTRIES:
        raise BadSyntax(f"At most {MAX_ENTRIES} entries at once")
    return SetMetadata(name, tuple(changes))


def parse_entries(r: Reader) -> tuple[str, ...]:
    """entry, or "(" entry *(SP entry) ")"; each once, in the client's order."""
    entries = r.parenthesised(lambda: _entry(r)) if r.peek() == b"(" else [_entry(r)]
    if len(entries) > MAX_ENTRIES:
        raise BadSyntax(f"At most {MAX_ENTRIES} entries at once")
    return tuple(dict.fromkeys(entries))


def _begins_with_option(r: Reader) -> bool:
    return r.peek(6).upper() == b"(DEPTH" or r.peek(8).upper() == b"(MAXSIZE"


def _options(r: Reader) -> MetadataOptions:
    given = dict(r.parenthesised(lambda: _option(r)))
    return MetadataOptions(given.get("MAXSIZE"), given.get("DEPTH", 0))  # type: ignore[arg-type]


def _option(r: Reader) -> tuple[str, float]:
    name = r.word()
    r.sp()
    if name == "MAXSIZE":
        return name, r.number()
    if name != "DEPTH" or (depth := r.word()) not in DEPTHS:
        raise BadSyntax("The options are MAXSIZE and DEPTH 0, 1 or infinity")
    return name, DEPTHS[depth]


def _entry(r: Reader) -> str:
    entry = r.astring()
    if not entry.startswith(b"/") or not entry.isascii():
        raise BadSyntax("Entry expected: a path that begins with /")
    return entry.decode("ascii")


def _change(r: Reader) -> tuple[str, bytes | None]:
    """value = nstring / literal8"""
    entry = _entry(r)
    r.sp()
    return entry, r.literal8() if r.peek() in (b"{", b"~") else r.nstring()
