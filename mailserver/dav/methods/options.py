"""OPTIONS: what this server can do here. RFC 4918 §10.1, RFC 4791 §5.1, RFC 6352 §6.1."""

from mailserver.dav.request import DavRequest
from mailserver.dav.response import Response
from mailserver.dav.row import Row

COMPLIANCE = "1, 2, 3, access-control, calendar-access, addressbook, extended-mkcol"


async def options(request: DavRequest) -> Response:
    from mailserver.dav.methods.table import allowed

    return Response(200, headers=(("Allow", ", ".join(allowed(request.resource))), ("DAV", COMPLIANCE)))


ROWS = {"OPTIONS": Row(options, (object,))}
