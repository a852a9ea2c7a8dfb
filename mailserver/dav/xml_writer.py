"""XML of answers: octets joined, no tree. RFC 4918 §14.

Everything a function here returns is well-formed wherever it is put: the prefixes are declared once at the root
(`document`, OPEN_MULTISTATUS), other namespaces in the element that uses them, and text that XML can not hold is
replaced by U+FFFD. An answer over many members is an iterator of pieces, joined to chunks on its way out.
"""

import re
from collections.abc import AsyncIterator, Iterable
from functools import cache
from http import HTTPStatus

from mailserver.dav.names import PREFIXES, Name, dav

CHUNK_OCTETS = 64 * 1024
CONTENT_TYPE = "application/xml; charset=utf-8"
_DECLARATION = b'<?xml version="1.0" encoding="utf-8"?>\n'
_ROOT = b"".join(b' xmlns:%b="%b"' % (prefix.encode(), ns.encode()) for ns, prefix in PREFIXES.items())
OPEN_MULTISTATUS = _DECLARATION + b"<D:multistatus%b>" % _ROOT
CLOSE_MULTISTATUS = b"</D:multistatus>"

# XML 1.0 §2.2: what no document may hold, not even as a character reference.
_FORBIDDEN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_FORBIDDEN_OCTETS = re.compile(rb"[\x00-\x08\x0b\x0c\x0e-\x1f]|\xef\xbf[\xbe\xbf]|\xed[\xa0-\xbf]")
_CONTROLS = bytes(octet for octet in range(0x20) if octet not in b"\t\n\r")
_FOLD_IN_CHARACTER = re.compile(rb"\r?\n[ \t](?=[\x80-\xbf])")  # no character begins with such an octet
_SPECIAL = re.compile(rb"[&<>\r]")


def escape(text: str) -> bytes:
    """Text between tags. A CR is written as a reference: a reader would make a bare CR LF a single LF."""
    return _escaped(_FORBIDDEN.sub("\ufffd", text).encode("utf-8"))


def escape_octets(data: bytes) -> bytes:
    """As `escape`, for stored octets. A fold inside a character goes away (RFC 5545 §3.1: XML has no half characters);
    what is not UTF-8 then is replaced too."""
    if not data.isascii():
        data = _utf8(data)
    # deleting octets is ten times as fast as looking for one by an expression; U+FFFE begins with EF BF too
    if len(data.translate(None, _CONTROLS)) != len(data) or b"\xef\xbf" in data:
        data = _FORBIDDEN_OCTETS.sub(b"\xef\xbf\xbd", data)
    return _escaped(data)


def _utf8(data: bytes) -> bytes:
    try:
        data.decode()
    except UnicodeDecodeError:
        return _FOLD_IN_CHARACTER.sub(b"", data).decode("utf-8", "replace").encode()
    return data


def escape_attribute(text: str) -> bytes:
    """A value between double quotes."""
    return escape(text).replace(b'"', b"&quot;").replace(b"\n", b"&#10;").replace(b"\t", b"&#9;")


def element(name: Name, inner: bytes = b"", attributes: bytes = b"") -> bytes:
    """`inner` is XML already; `attributes` as ` a="b"`, escaped, each with a space before it."""
    start, end = _tags(name)
    if not inner:
        return b"<%b%b/>" % (start, attributes)
    return b"<%b%b>%b</%b>" % (start, attributes, inner, end)


def tags(name: Name) -> tuple[bytes, bytes]:
    """What is before and after the inner XML of an element that is written many times."""
    start, end = _tags(name)
    return b"<%b>" % start, b"</%b>" % end


def text_element(name: Name, text: str) -> bytes:
    return element(name, escape(text))


def attribute(local: str, value: str) -> bytes:
    """An attribute without a namespace, for `element`."""
    return b' %b="%b"' % (local.encode(), escape_attribute(value))


def href(path: str) -> bytes:
    """DAV:href of a path that resources.href made (or a mailto: or http: URI, escaped)."""
    return b"<D:href>%b</D:href>" % escape(path)


def document(root: Name, inner: bytes) -> bytes:
    """A whole document with the usual prefixes declared at its root."""
    return _DECLARATION + element(root, inner, _ROOT)


# --- multistatus, RFC 4918 §13 -----------------------------------------------------------------------------


@cache
def status(code: int) -> bytes:
    return b"<D:status>HTTP/1.1 %d %b</D:status>" % (code, HTTPStatus(code).phrase.encode("ascii"))


def propstat(code: int, properties: bytes, error: bytes = b"", description: str = "") -> bytes:
    """`properties`: the elements inside DAV:prop; `error`: those inside DAV:error."""
    return b"<D:propstat><D:prop>%b</D:prop>%b%b%b</D:propstat>" % (
        properties,
        status(code),
        b"<D:error>%b</D:error>" % error if error else b"",
        text_element(dav("responsedescription"), description) if description else b"",
    )


def response(path: str, propstats: bytes) -> bytes:
    """One resource with its propstat elements. A response has one at least, RFC 4918 §14.24."""
    return b"<D:response><D:href>%b</D:href>%b</D:response>" % (
        escape(path),
        propstats or propstat(HTTPStatus.OK, b""),
    )


def status_response(path: str, code: int, error: bytes = b"", description: str = "") -> bytes:
    """One resource with a status for all of it, such as 404 for a removed member, 507 for a cut answer."""
    return b"<D:response><D:href>%b</D:href>%b%b%b</D:response>" % (
        escape(path),
        status(code),
        b"<D:error>%b</D:error>" % error if error else b"",
        text_element(dav("responsedescription"), description) if description else b"",
    )


def sync_token(token: str) -> bytes:
    return text_element(dav("sync-token"), token)


def multistatus(pieces: Iterable[bytes]) -> bytes:
    """A whole answer of few pieces."""
    return OPEN_MULTISTATUS + b"".join(pieces) + CLOSE_MULTISTATUS


async def streamed(pieces: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The whole document in chunks of about CHUNK_OCTETS; memory is one chunk and one piece."""
    waiting = [OPEN_MULTISTATUS]
    octets = 0
    async for piece in pieces:
        waiting.append(piece)
        octets += len(piece)
        if octets >= CHUNK_OCTETS:
            yield b"".join(waiting)
            waiting, octets = [], 0
    waiting.append(CLOSE_MULTISTATUS)
    yield b"".join(waiting)


def _tags(name: Name) -> tuple[bytes, bytes]:
    prefix = PREFIXES.get(name.namespace)
    if prefix is not None:
        tag = b"%b:%b" % (prefix.encode(), name.local.encode("utf-8"))
        return tag, tag
    if not name.namespace:
        tag = name.local.encode("utf-8")
        return tag, tag
    tag = b"X:%b" % name.local.encode("utf-8")
    return b'%b xmlns:X="%b"' % (tag, escape_attribute(name.namespace)), tag


def _escaped(octets: bytes) -> bytes:
    if _SPECIAL.search(octets) is None:
        return octets
    octets = octets.replace(b"&", b"&amp;").replace(b"<", b"&lt;").replace(b">", b"&gt;")
    return octets.replace(b"\r", b"&#13;")
