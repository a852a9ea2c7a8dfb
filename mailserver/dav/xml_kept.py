"""What a client wrote as XML, written again: dead properties live as octets of their own. RFC 4918 §4.3.

Names, attributes, text and order are kept; prefixes are not, and each element declares the namespace it is in, so
that the octets mean the same wherever they are put.
"""

from mailserver.dav import xml_writer
from mailserver.dav.names import XML, Name
from mailserver.dav.xml_reader import Element


def written(root: Element, *, inside: str | None = None) -> bytes:
    """An element as it was read, with its namespaces declared where they are used. `inside`: the default one there."""
    name = root.name
    local = name.local.encode("utf-8")
    declared = b"" if name.namespace == inside else b' xmlns="%b"' % xml_writer.escape_attribute(name.namespace)
    attributes = b"".join(_attribute(n, key, value) for n, (key, value) in enumerate(root.attributes.items()))
    inner = b"".join(
        written(part, inside=name.namespace) if isinstance(part, Element) else xml_writer.escape(part)
        for part in root.content
    )
    return b"<%b%b%b>%b</%b>" % (local, declared, attributes, inner, local)


def _attribute(number: int, name: Name, value: str) -> bytes:
    written = name.local.encode("utf-8"), xml_writer.escape_attribute(value)
    if not name.namespace:
        return b' %b="%b"' % written
    if name.namespace == XML:
        return b' xml:%b="%b"' % written
    return b' xmlns:n%d="%b" n%d:%b="%b"' % (number, xml_writer.escape_attribute(name.namespace), number, *written)
