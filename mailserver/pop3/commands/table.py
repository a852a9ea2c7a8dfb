"""Every command with what must be true before it runs. An extension is a file and a line here.

APOP, which needs passwords stored as they are, LAST, which RFC 1939 dropped, and LANG are not there.
"""

from mailserver.pop3.commands import capa, leave, listing, login, marking, retrieve, stls, utf8
from mailserver.pop3.row import Row, Rows

_FAMILIES: tuple[dict[bytes, Row], ...] = (
    capa.ROWS,
    leave.ROWS,
    listing.ROWS,
    login.ROWS,
    marking.ROWS,
    retrieve.ROWS,
    stls.ROWS,
    utf8.ROWS,
)

COMMANDS: Rows = {name: row for family in _FAMILIES for name, row in family.items()}
