"""All reports. A new one is a new file and a line here."""

from collections.abc import Mapping

from mailserver.dav.names import Name
from mailserver.dav.reports import (
    addressbook_multiget,
    addressbook_query,
    calendar_multiget,
    calendar_query,
    expand,
    free_busy,
    principal_match,
    principal_search,
    sync_collection,
)
from mailserver.dav.reports.row import ReportRow

REPORTS: Mapping[Name, ReportRow] = {
    **sync_collection.ROWS,
    **calendar_query.ROWS,
    **calendar_multiget.ROWS,
    **free_busy.ROWS,
    **expand.ROWS,
    **principal_match.ROWS,
    **principal_search.ROWS,
    **addressbook_query.ROWS,
    **addressbook_multiget.ROWS,
}
