"""Address lists of header fields, read tolerantly and linearly. RFC 5322 §3.4, §4.4.

These are what a sender wrote, for showing and searching. Envelope addresses of SMTP have a strict grammar of
their own and nothing to do with this.
"""

import re
from typing import NamedTuple

from mailserver.mail.comments import comment_end, without_comments

MAX_ADDRESSES = 1000  # of one list; later ones are not read
MAX_OCTETS = 64 * 1024  # of one list


class Address(NamedTuple):
    """A mailbox. Octets as sent, quoting and comments removed, encoded words as they are."""

    name: bytes
    route: bytes  # obsolete source route "@a,@b", mostly empty
    local: bytes
    domain: bytes  # b"" where the sender wrote none


class Group(NamedTuple):
    name: bytes
    members: tuple[Address, ...]


_SPECIALS = rb'"(),:;<>@\[\]\\'
_WORD = rb"[^\s%b]++" % _SPECIALS
# One mailbox in the forms nearly everybody writes, with the comma after it.
_USUAL = re.compile(
    rb'\s*+(?:"([^"\\]*+)"\s*+|([^%b]*+))(?:<(%b)@(%b)>|@(%b))\s*+(?:,|\Z)' % (_SPECIALS, _WORD, _WORD, _WORD)
)
_TOKEN = re.compile(
    rb'"(?P<quoted>(?:[^"\\]++|\\.)*+)"?'
    rb"|<[<\s]*+(?P<route>@[^:<>]*+(?=:))?+:?+(?P<angle>(?:"
    rb'[^<>",]++|"(?:[^"\\]++|\\.)*+"?)*+)>?'
    rb"|(?P<literal>\[[^\[\]]*+\]?)"
    rb"|(?P<word>%b)"
    rb"|(?P<space>\s++)"
    rb"|(?P<special>@++|,++|[>\])\\]++|.)" % _WORD,
    re.DOTALL,
)
_QUOTED_PAIR = re.compile(rb"\\(.)", re.DOTALL)
_DOT_ATOM = re.compile(rb"[^\s%b]+" % _SPECIALS)


def parse(field: bytes) -> list[Address | Group]:
    """The entries of an unfolded field in order. Never raises; what is no address has an empty domain."""
    field = field[:MAX_OCTETS]
    found: list[Address | Group] = []
    position = 0
    while position < len(field) and len(found) < MAX_ADDRESSES:
        usual = _USUAL.match(field, position)
        if usual is None:
            return _Reader(field).read()
        quoted, name, local, domain, plain_domain = usual.groups()
        if plain_domain is None:
            found.append(Address(name.strip() if quoted is None else quoted, b"", local, domain))
        elif quoted is None and _DOT_ATOM.fullmatch(local := name.strip()):
            found.append(Address(b"", b"", local, plain_domain))
        else:
            return _Reader(field).read()
        position = usual.end()
    return found


def mailboxes(entries: list[Address | Group]) -> list[Address]:
    """Groups replaced by their members."""
    flat: list[Address] = []
    for entry in entries:
        if isinstance(entry, Group):
            flat.extend(entry.members)
        else:
            flat.append(entry)
    return flat


def addr_spec(address: Address) -> bytes:
    """local@domain, the local part quoted where it must be; b"" where a half is missing."""
    if not address.local or not address.domain:
        return b""
    local = address.local
    if not _DOT_ATOM.fullmatch(local):
        local = b'"%b"' % local.replace(b"\\", b"\\\\").replace(b'"', b'\\"')
    return b"%b@%b" % (local, address.domain)


class _Reader:
    """Reads any octets: token by token, without recursion and without going back."""

    def __init__(self, field: bytes) -> None:
        self._field = field
        self._entries: list[Address | Group] = []
        self._count = 0
        self._group: bytes | None = None
        self._members: list[Address] = []
        self._clear()

    def _clear(self) -> None:
        self._words: list[bytes] = []  # of the phrase, or of the address while no "@" was seen
        self._after_at: list[bytes] | None = None
        self._mailbox: tuple[bytes, bytes, bytes] | None = None  # route, local part, domain between < and >
        self._comment = b""

    def read(self) -> list[Address | Group]:
        position = 0
        while position < len(self._field) and self._count < MAX_ADDRESSES:
            token = _TOKEN.match(self._field, position)
            assert token is not None  # noqa: S101 - the last alternative takes any octet
            position = token.end()
            if token.lastgroup == "special" and token["special"] == b"(":
                position = self._skip_comment(token.start())
            else:
                self._take(token)
        self._end_entry()
        self._end_group()
        return self._entries

    def _take(self, token: re.Match[bytes]) -> None:
        special = token["special"]
        if token["angle"] is not None:
            self._mailbox = _angle(token["route"] or b"", token["angle"])
        elif token["quoted"] is not None:
            self._add(_unquoted(token["quoted"]))
        elif word := token["word"] or token["literal"]:
            self._add(word)
        elif special is None:  # white space
            return
        elif special.startswith(b"@"):
            if self._after_at is None:
                self._after_at = []
        elif special.startswith(b","):
            self._end_entry()
        elif special == b":" and self._group is None:
            self._group = b" ".join(self._words) or self._comment
            self._clear()
        elif special == b";":
            self._end_entry()
            self._end_group()

    def _add(self, word: bytes) -> None:
        (self._words if self._after_at is None else self._after_at).append(word)

    def _skip_comment(self, start: int) -> int:
        """One past it. The first of an entry is kept: it may be the name."""
        end = comment_end(self._field, start)
        if not self._comment:
            self._comment = _unquoted(self._field[start + 1 : end].removesuffix(b")")).strip()
        return end

    def _end_entry(self) -> None:
        address = self._address()
        self._clear()
        if address is None:
            return
        self._count += 1
        if self._group is None:
            self._entries.append(address)
        else:
            self._members.append(address)

    def _address(self) -> Address | None:
        words, after_at = self._words, self._after_at
        if self._mailbox is not None:
            if after_at is not None:  # a@b <a@b>, against the grammar and frequent
                words = [b"%b@%b" % (b" ".join(words), b" ".join(after_at))]
            return Address(b" ".join(words) or self._comment, *self._mailbox)
        if not words and after_at is None:
            return None
        local = _last(words)
        return Address(b" ".join(words) or self._comment, b"", local, _first(after_at or []))

    def _end_group(self) -> None:
        if self._group is not None:
            self._entries.append(Group(self._group, tuple(self._members)))
            self._count += 1
        self._group, self._members = None, []


def _angle(route: bytes, text: bytes) -> tuple[bytes, bytes, bytes]:
    if b"(" in text:
        text = without_comments(text)
    local, at, domain = text.rpartition(b"@")
    if not at:
        local, domain = domain, b""
    local = local.strip()
    if local.startswith(b'"'):
        local = _unquoted(local.strip(b'"'))
    elif b" " in local:
        local = b"".join(local.split())
    return b"".join(route.split()), local, b"".join(domain.split())


def _last(words: list[bytes]) -> bytes:
    """Take the local part off the end; dots may stand alone, RFC 5322 §4.4 obs-local-part."""
    start = len(words) - 1
    while start > 0 and (words[start].startswith(b".") or words[start - 1].endswith(b".")):
        start -= 1
    local = b"".join(words[max(start, 0) :])
    del words[max(start, 0) :]
    return local


def _first(words: list[bytes]) -> bytes:
    """The domain at the front; dots may stand alone, RFC 5322 §4.4 obs-domain."""
    end = min(len(words), 1)
    while 0 < end < len(words) and (words[end].startswith(b".") or words[end - 1].endswith(b".")):
        end += 1
    return b"".join(words[:end])


def _unquoted(text: bytes) -> bytes:
    return _QUOTED_PAIR.sub(rb"\1", text) if b"\\" in text else text
