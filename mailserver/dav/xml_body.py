"""A request's XML body: read whole, within bounds, large ones parsed off the loop."""

from mailserver.dav import xml_reader
from mailserver.dav.request import DavRequest
from mailserver.dav.xml_reader import MAX_XML_OCTETS, Element

THREAD_OCTETS = 8 * 1024  # some milliseconds of parsing, where it is elements all through


async def element(request: DavRequest) -> Element | None:
    """None for an empty body. Raises BadXml, XmlTooLarge, BodyTooBig, UnsupportedMediaType."""
    body = await request.body.read(MAX_XML_OCTETS)
    if not body:
        return None
    if len(body) > THREAD_OCTETS:
        return await request.services.store.in_thread(xml_reader.read, body)
    return xml_reader.read(body)
