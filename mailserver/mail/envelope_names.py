"""The names that SORT compares, read back out of a stored ENVELOPE. RFC 5256 §3, RFC 5957 §3."""

import re
from enum import Enum
from typing import NamedTuple

from mailserver.mail import encoded_words
from mailserver.mail.casemap import fold

_STRING = rb'(?:NIL|"(?:[^"\\]|\\.)*+")'
_PERSON = rb"\(%b %b %b %b\)" % ((_STRING,) * 4)
_LIST = rb"(?:NIL|\((?:%b)*+\))" % _PERSON
_FIRST = rb"(?:NIL|\(\((%b) %b (%b) (%b)\))" % ((_STRING,) * 4)
_TOKEN = re.compile(rb'([()])|NIL|"((?:[^"\\]|\\.)*+)"|\{([0-9]+)\}\r\n', re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


class Field(Enum):
    """The value is the place in an envelope, from 0 on."""

    FROM = 2
    TO = 5
    CC = 6


# date and subject, then lists of people; what stands behind the field is not looked at
_FIELDS = {
    field: re.compile(rb"\(%b %b %b%b" % (_STRING, _STRING, (_LIST + b" ") * (field.value - 2), _FIRST), re.DOTALL)
    for field in Field
}


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


def first(envelope: bytes, field: Field) -> Person:
    """Of what envelope.read made."""
    found = _FIELDS[field].match(envelope)
    if found is None:
        return _slowly(envelope, field)
    name, local, domain = found.groups()
    return NOBODY if local is None else Person(_text(name), _text(local), _text(domain))


def _text(string: bytes) -> bytes:
    if string == b"NIL":
        return b""
    text = string[1:-1]
    return _ESCAPED.sub(rb"\1", text) if b"\\" in text else text


def _slowly(envelope: bytes, wanted: Field) -> Person:
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
    return _first(fields, wanted.value)


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
