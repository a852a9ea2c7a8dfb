"""What a client wrote as XML, written again: dead properties live as octets of their own. RFC 4918 §4.3.

Names, attributes, text and order are kept; prefixes are not, and each element declares the namespace it is in, so
that the octets mean the same wherever they are put.
"""

from collections.abc import Iterator

from mailserver.dav import xml_writer
from mailserver.dav.errors import DavRefusal
from mailserver.dav.names import XML, Name
from mailserver.dav.xml_reader import Element

MAX_OCTETS = 262_144  # of what is written; declarations make it longer than what was read


class TooLong(DavRefusal):
    """RFC 4918 §9.2.1."""

    http, text = 507, f"A property is kept with at most {MAX_OCTETS:,} octets"


def written(root: Element, *, inside: str | None = None) -> bytes:
    """An element as it was read, with its namespaces declared where they are used. `inside`: the default one there.

    Raises TooLong before more than that is in memory.
    """
    pieces, octets = list[bytes](), 0
    for piece in _pieces(root, inside):
        octets += len(piece)
        if octets > MAX_OCTETS:
            raise TooLong
        pieces.append(piece)
    return b"".join(pieces)


def _pieces(root: Element, inside: str | None) -> Iterator[bytes]:
    name = root.name
    local = name.local.encode("utf-8")
    declared = b"" if name.namespace == inside else b' xmlns="%b"' % xml_writer.escape_attribute(name.namespace)
    yield b"<%b%b" % (local, declared)
    for number, (key, value) in enumerate(root.attributes.items()):
        yield _attribute(number, key, value)
    yield b">"
    for part in root.content:
        if isinstance(part, Element):
            yield from _pieces(part, name.namespace)
        else:
            yield xml_writer.escape(part)
    yield b"</%b>" % local


def _attribute(number: int, name: Name, value: str) -> bytes:
    written = name.local.encode("utf-8"), xml_writer.escape_attribute(value)
    if not name.namespace:
        return b' %b="%b"' % written
    if name.namespace == XML:
        return b' xml:%b="%b"' % written
    return b' xmlns:n%d="%b" n%d:%b="%b"' % (number, xml_writer.escape_attribute(name.namespace), number, *written)
