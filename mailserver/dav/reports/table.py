"""All reports. A new one is a new file and a line here."""

from collections.abc import Mapping

from mailserver.dav.names import Name
from mailserver.dav.reports import (
    addressbook_multiget,
    addressbook_query,
    expand,
    principal_match,
    principal_search,
    sync_collection,
)
from mailserver.dav.reports.row import ReportRow

REPORTS: Mapping[Name, ReportRow] = {
    **sync_collection.ROWS,
    **expand.ROWS,
    **principal_match.ROWS,
    **principal_search.ROWS,
    **addressbook_query.ROWS,
    **addressbook_multiget.ROWS,
}
