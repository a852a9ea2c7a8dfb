"""OPTIONS: what this server can do here. RFC 4918 §10.1, RFC 4791 §5.1, RFC 6352 §6.1."""

from mailserver.dav.request import DavRequest
from mailserver.dav.response import Response
from mailserver.dav.row import Row

COMPLIANCE = "1, 2, 3, access-control, calendar-access, addressbook, extended-mkcol"
SCHEDULES = ", calendar-auto-schedule"  # RFC 6638 §2


async def options(request: DavRequest) -> Response:
    from mailserver.dav.methods.table import allowed

    compliance = COMPLIANCE + (SCHEDULES if request.services.scheduling is not None else "")
    return Response(200, headers=(("Allow", ", ".join(allowed(request.resource))), ("DAV", compliance)))


ROWS = {"OPTIONS": Row(options, (object,))}
