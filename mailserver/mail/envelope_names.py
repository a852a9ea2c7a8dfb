"""The names that SORT compares, read back out of a stored ENVELOPE. RFC 5256 §3, RFC 5957 §3."""

import re
from typing import NamedTuple

from mailserver.mail import encoded_words
from mailserver.mail.casemap import fold

_STRING = rb'(?:NIL|"(?:[^"\\]|\\.)*+")'
_PERSON = rb"\(%b %b %b %b\)" % ((_STRING,) * 4)
_LIST = rb"(?:NIL|\((?:%b)*+\))" % _PERSON
_FIRST = rb"(?:NIL|\(\((%b) %b (%b) (%b)\)(?:%b)*+\))" % (_STRING, _STRING, _STRING, _STRING, _PERSON)
_ENVELOPE = re.compile(
    rb"\(%b %b %b %b %b %b %b " % (_STRING, _STRING, _FIRST, _LIST, _LIST, _FIRST, _FIRST), re.DOTALL
)
_TOKEN = re.compile(rb'([()])|NIL|"((?:[^"\\]|\\.)*+)"|\{([0-9]+)\}\r\n', re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)
_FROM, _TO, _CC = 2, 5, 6  # places in an envelope


class Person(NamedTuple):
    """The first address of a field; of a group its name stands where the local part does."""

    name: bytes = b""
    local: bytes = b""
    domain: bytes = b""

    @property
    def sorted_as(self) -> str:
        """SORT FROM, TO, CC: addr-mailbox."""
        return fold(self.local.decode("utf-8", "replace"))

    @property
    def displayed_as(self) -> str:
        """SORT DISPLAYFROM, DISPLAYTO: the display name, the address where there is none."""
        if self.name:
            return fold(encoded_words.decode(self.name))
        address = b"%b@%b" % (self.local, self.domain) if self.domain else self.local
        return fold(address.decode("utf-8", "replace"))


NOBODY = Person()


class Names(NamedTuple):
    from_: Person
    to: Person
    cc: Person


def names(envelope: bytes) -> Names:
    """Of what envelope.read made."""
    found = _ENVELOPE.match(envelope)
    if found is None:
        return _slowly(envelope)
    parts = found.groups()
    return Names(_person(*parts[0:3]), _person(*parts[3:6]), _person(*parts[6:9]))


def _person(name: bytes | None, local: bytes | None, domain: bytes | None) -> Person:
    return NOBODY if local is None else Person(_text(name), _text(local), _text(domain))


def _text(string: bytes | None) -> bytes:
    if string is None or string == b"NIL":
        return b""
    text = string[1:-1]
    return _ESCAPED.sub(rb"\1", text) if b"\\" in text else text


def _slowly(envelope: bytes) -> Names:
    """Where literals stand in it."""
    fields: list[list[bytes]] = []  # of each field the strings, at most those of its first address
    depth = place = 0
    while found := _TOKEN.match(envelope, place):
        place = found.end()
        if found[1]:
            depth += 1 if found[1] == b"(" else -1
            if depth == 2 and found[1] == b"(":
                fields.append([])
        else:
            octets, place = _string(envelope, found)
            if depth == 1:
                fields.append([octets])
            elif fields and len(fields[-1]) < 4:
                fields[-1].append(octets)
        place += envelope[place : place + 1] == b" "
    from_, to, cc = (_first(fields, field) for field in (_FROM, _TO, _CC))
    return Names(from_, to, cc)


def _string(envelope: bytes, found: "re.Match[bytes]") -> tuple[bytes, int]:
    if found[3]:
        end = found.end() + int(found[3])
        return envelope[found.end() : end], end
    return _ESCAPED.sub(rb"\1", found[2] or b""), found.end()


def _first(fields: list[list[bytes]], field: int) -> Person:
    if len(fields) <= field or len(fields[field]) < 4:
        return NOBODY
    name, _route, local, domain = fields[field]
    return Person(name, local, domain)
