"""REPORT: the root element of the body says which. RFC 3253 §3.6."""

from mailserver.dav import xml_body
from mailserver.dav.errors import BadXml, ReportNotSupported
from mailserver.dav.gather import require_own
from mailserver.dav.reports.table import REPORTS
from mailserver.dav.request import DavRequest
from mailserver.dav.response import Answer
from mailserver.dav.row import Row
from mailserver.dav.subjects import subject_of


async def report(request: DavRequest) -> Answer:
    require_own(request.viewer, request.resource)
    root = await xml_body.element(request)
    if root is None:
        raise BadXml("REPORT has a body that says which report")
    row = REPORTS.get(root.name)
    if row is None or subject_of(request.resource) not in row.on:
        raise ReportNotSupported(f"The report {root.name.local[:100]} is not answered for this resource")
    return await row.run(request, root)


ROWS = {"REPORT": Row(report, (object,))}
