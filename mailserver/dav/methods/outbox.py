"""POST to the scheduling outbox: a free-busy request is answered at once, one response for each person. RFC 6638 §5."""

from mailserver.dav.errors import NotFound
from mailserver.dav.gather import require_own
from mailserver.dav.names import caldav
from mailserver.dav.request import DavRequest
from mailserver.dav.response import XML, Response
from mailserver.dav.xml_writer import document, element, escape_octets, href, text_element
from mailserver.groupware.scheduling.outbox import MAX_REQUEST_OCTETS, Answer


async def ask(request: DavRequest) -> Response:
    """Raises BadSchedulingMessage."""
    require_own(request.viewer, request.resource)
    scheduling = request.services.scheduling
    if scheduling is None:
        raise NotFound
    answers = await scheduling.outbox.ask(request.viewer.user_id, await request.body.read(MAX_REQUEST_OCTETS))
    inner = b"".join(map(_response, answers))
    return Response(200, document(caldav("schedule-response"), inner), XML, (("Cache-Control", "no-store"),))


def _response(answer: Answer) -> bytes:
    inner = element(caldav("recipient"), href(answer.recipient))
    inner += text_element(caldav("request-status"), answer.request_status)
    if answer.data is not None:
        inner += element(caldav("calendar-data"), escape_octets(answer.data))
    return element(caldav("response"), inner)
