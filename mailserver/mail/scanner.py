"""Where everything is in a message: one pass that records octet offsets and never raises. RFC 2045, RFC 2046.

The scan walks from one delimiter line to the next with the open multiparts on a stack, so it is linear in the
message whatever the nesting, and nothing recurses. What senders get wrong is read as follows:

    multipart without a boundary or without one delimiter line      text/plain
    multipart never closed                                          its last part ends with the enclosing one
    delimiter of an enclosing multipart                             closes all that is open inside
    delimiter line followed by anything but white space             not a delimiter line
    header without an empty line                                    reaches to the next delimiter or the end
    empty line whose end is also the delimiter's                    the delimiter has it
    part whose first line is no field                               has no header, RFC 2046 §5.1
    Content-Type that can not be read                               text/plain, RFC 2045 §5.2
    message/rfc822 in base64 or quoted-printable                    application/octet-stream, RFC 2046 §5.2.1
    bare LF                                                         a line end, as CRLF
    deeper than MAX_DEPTH                                           application/octet-stream, not looked into
    more than MAX_PARTS                                             all the rest is one application/octet-stream
"""

from typing import NamedTuple

import msgspec

from mailserver.mail import parameters
from mailserver.mail.headers import MAX_HEADER_OCTETS, Header, has_header, header_octets
from mailserver.mail.mime_fields import SEVEN_BIT, ContentType, Encoding, content_type, encoding, typed
from mailserver.mail.octets import Octets
from mailserver.mail.parameters import Parameters

MAX_DEPTH = 100  # multiparts and embedded messages inside one another
MAX_PARTS = 10_000  # entities of one message
LONGEST_BOUNDARY = 500  # octets; RFC 2046 §5.1.1 allows 70
LONGEST_DELIMITER = 1000  # octets of a delimiter line with the white space after it

_ENCODED = frozenset(("base64", "quoted-printable"))
_OPAQUE = b"application/octet-stream"
_TEXT = typed(b"text/plain")
_MESSAGE = typed(b"message/rfc822")
_NO_HEADER = Header(b"")
_NO_DISPOSITION: tuple[bytes, Parameters] = (b"", parameters.NOTHING)


class Entity(msgspec.Struct, eq=False):
    """One MIME entity while the tree is known; detail.Part is what is kept of it."""

    parent: "Entity | None"
    header_start: int
    body_start: int
    header: Header
    content: ContentType  # what applies
    encoding: Encoding
    disposition: tuple[bytes, Parameters]  # of Content-Disposition; the value in lower case, b"" where there is none
    depth: int
    end: int = 0
    number: str = ""
    prefix: str = ""  # of its children's numbers
    children: "list[Entity]" = []


class _Open(NamedTuple):
    entity: Entity
    boundary: bytes
    hidden: int | None  # the outer multipart with the same boundary


class _Delimiter(msgspec.Struct):
    at: int  # of the LF before it
    after: int  # one past its line
    level: int  # of the multipart on the stack
    closing: bool


class _Forward:
    """Looks for a needle from positions that only grow, and at no octet twice."""

    __slots__ = ("_clear", "_found", "_message", "_needle")

    def __init__(self, message: Octets, needle: bytes) -> None:
        self._message = message
        self._needle = needle
        self._clear = 0  # nothing begins before, as far back as was asked
        self._found = -1

    def next(self, start: int, limit: int) -> int:
        """Where the needle begins inside start … limit; the limit where it does not."""
        if self._found < start:
            begin = max(start, self._clear)
            at = self._message.find(self._needle, begin, limit)
            if at < 0:
                self._clear = max(begin, limit - len(self._needle) + 1)
                return limit
            self._found = self._clear = at
        return min(self._found, limit)


def scan(message: Octets) -> list[Entity]:
    """All entities, depth first, the message itself first. `children` of one that embeds has that message alone."""
    root = _entity(message, None, 0, header_octets(message))
    if not (root.content.is_multipart or root.content.embeds):
        root.end = len(message)
        return [root]
    scan = _Scan(message)
    scan.run(root)
    for entity in scan.entities:
        _settle(entity)
    for entity in scan.entities:
        _number_children(entity)
    return scan.entities


def _entity(message: Octets, parent: Entity | None, start: int, body_start: int) -> Entity:
    """As its own header describes it."""
    header = Header(message[start : min(body_start, start + MAX_HEADER_OCTETS)])
    content = content_type(header.get(b"content-type")) or _default_type(parent, header)
    disposition = header.get(b"content-disposition")
    return Entity(
        parent,
        start,
        body_start,
        header,
        content,
        encoding(header.get(b"content-transfer-encoding")),
        parameters.parse(disposition) if disposition else _NO_DISPOSITION,
        parent.depth + 1 if parent else 0,
    )


class _Scan:
    def __init__(self, message: Octets) -> None:
        self.entities: list[Entity] = []
        self._message = message
        self._size = len(message)
        self._stack: list[_Open] = []
        self._levels: dict[bytes, int] = {}  # boundary → level of the innermost multipart that has it
        self._empty_crlf = _Forward(message, b"\n\r\n")
        self._empty_lf = _Forward(message, b"\n\n")

    def run(self, root: Entity) -> None:
        innermost = self._enter(root)
        position = max(innermost.body_start - 1, 0)
        while self._stack and (delimiter := self._next_delimiter(position, self._size)):
            multipart = self._close_inside(delimiter, innermost)
            if delimiter.closing:
                self._pop(delimiter.level)
                innermost, position = multipart, delimiter.after - 1
            elif len(self.entities) + 1 >= MAX_PARTS:
                innermost = self._opaque_rest(multipart, delimiter.after)
                break
            else:
                innermost = self._enter(self._child(multipart, delimiter.after))
                position = innermost.body_start - 1
        self._end(innermost, None, self._size)

    def _enter(self, entity: Entity) -> Entity:
        """Take in the entity and the messages it embeds; the innermost of them."""
        self._take(entity)
        while entity.content.embeds:
            entity = self._child(entity, entity.body_start)
            self._take(entity)
        if boundary := _boundary(entity):
            self._stack.append(_Open(entity, boundary, self._levels.get(boundary)))
            self._levels[boundary] = len(self._stack) - 1
        return entity

    def _child(self, parent: Entity, start: int) -> Entity:
        return _entity(self._message, parent, start, self._body_start(start))

    def _take(self, entity: Entity) -> None:
        content = entity.content
        too_deep = entity.depth >= MAX_DEPTH and (content.embeds or content.is_multipart)
        encoded = content.embeds and entity.encoding.name in _ENCODED
        if too_deep or encoded or (content.embeds and len(self.entities) + 1 >= MAX_PARTS):
            entity.content = typed(_OPAQUE, content.parameters)
        self.entities.append(entity)
        if entity.parent:
            entity.parent.children.append(entity)

    def _opaque_rest(self, parent: Entity, start: int) -> Entity:
        content = typed(_OPAQUE)
        rest = Entity(parent, start, start, _NO_HEADER, content, SEVEN_BIT, _NO_DISPOSITION, parent.depth + 1)
        self._take(rest)
        return rest

    def _body_start(self, start: int) -> int:
        """One past the header that starts here: after its empty line, or where a delimiter cuts it off."""
        if not has_header(self._message, start):
            return start
        end = self._after_empty_line(start)
        if self._stack and (delimiter := self._next_delimiter(start - 1, end)):
            return max(self._line_end_before(delimiter), start)
        return end

    def _after_empty_line(self, start: int) -> int:
        before = start - 1  # the LF that ends the line before may begin the empty one
        crlf = self._empty_crlf.next(before, self._size)
        lf = self._empty_lf.next(before, min(crlf + 1, self._size))
        return min(lf + 2, crlf + 3, self._size)

    def _next_delimiter(self, position: int, limit: int) -> _Delimiter | None:
        """The first delimiter line of an open multipart whose leading LF is in position … limit."""
        find, levels = self._message.find, self._levels
        while (dash := find(b"-", position, limit)) >= 0:
            # A lone octet is found some forty times faster than the needle: base64 has no "-" to stop at.
            at = find(b"\n--", max(dash - 1, position), limit)
            if at < 0:
                return None
            line_end = find(b"\n", at + 3, at + 3 + LONGEST_DELIMITER)
            if line_end < 0:
                line_end = min(at + 3 + LONGEST_DELIMITER, self._size)
                if line_end < self._size:
                    position = line_end
                    continue
            line = self._message[at + 3 : line_end].rstrip(b" \t\r")
            if (level := levels.get(line)) is not None:
                return _Delimiter(at, min(line_end + 1, self._size), level, closing=False)
            if line.endswith(b"--") and (level := levels.get(line[:-2])) is not None:
                return _Delimiter(at, min(line_end + 1, self._size), level, closing=True)
            position = line_end
        return None

    def _close_inside(self, delimiter: _Delimiter, innermost: Entity) -> Entity:
        """End what is open inside the delimiter's multipart, which is returned."""
        self._pop(delimiter.level + 1)
        multipart = self._stack[delimiter.level].entity
        self._end(innermost, multipart, self._line_end_before(delimiter))
        return multipart

    def _line_end_before(self, delimiter: _Delimiter) -> int:
        """Where the line end begins that belongs to the delimiter, RFC 2046 §5.1.1."""
        return delimiter.at - (delimiter.at > 0 and self._message[delimiter.at - 1 : delimiter.at] == b"\r")

    def _end(self, innermost: Entity, outermost: Entity | None, end: int) -> None:
        """All from the innermost up to, and without, the outermost.

        Where an empty line's end is also the delimiter's, the delimiter has it and the header is shorter.
        """
        entity: Entity | None = innermost
        while entity is not None and entity is not outermost:
            entity.end = end
            entity.body_start = min(entity.body_start, end)
            entity.header_start = min(entity.header_start, end)
            entity = entity.parent

    def _pop(self, level: int) -> None:
        while len(self._stack) > level:
            _, boundary, hidden = self._stack.pop()
            if hidden is None:
                del self._levels[boundary]
            else:
                self._levels[boundary] = hidden


def _boundary(entity: Entity) -> bytes:
    if not entity.content.is_multipart:
        return b""
    boundary = entity.content.parameters.get(b"boundary", b"").rstrip(b" \t\r\n")
    return boundary if len(boundary) <= LONGEST_BOUNDARY else b""


def _default_type(parent: Entity | None, header: Header) -> ContentType:
    """Of an entity that names none: RFC 2045 §5.2, in a digest RFC 2046 §5.1.5."""
    digest = parent is not None and parent.content.media_type == b"multipart/digest"
    return _MESSAGE if digest and not header.get(b"content-type") else _TEXT


def _settle(entity: Entity) -> None:
    """A multipart in which no delimiter was found is none."""
    if not entity.children and entity.content.is_multipart:
        entity.content = _TEXT


def _number_children(entity: Entity) -> None:
    """Give IMAP's section numbers, parents first. RFC 9051 §6.4.5.1.

    A message that is no multipart has its body as part 1. An embedded message that is a multipart has no number
    of its own; it is kept as "2.TEXT", which is where its header and text are asked for.
    """
    if entity.parent is None and entity.content.embeds:
        entity.prefix = "1"
    for place, child in enumerate(entity.children, 1):
        number = f"{entity.prefix}.{place}" if entity.prefix else str(place)
        if entity.content.embeds and child.children and not child.content.embeds:
            child.number, child.prefix = f"{entity.prefix}.TEXT", entity.prefix
        else:
            child.number = child.prefix = number
