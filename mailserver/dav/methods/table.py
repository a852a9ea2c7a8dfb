"""All methods. A new one is a new file and a line here."""

from mailserver.dav.methods import copy_move, delete, get, locking, making, options, propfind, proppatch, put, report
from mailserver.dav.resources import Resource
from mailserver.dav.row import Row

METHODS: dict[str, Row] = {
    **options.ROWS,
    **get.ROWS,
    **put.ROWS,
    **delete.ROWS,
    **propfind.ROWS,
    **proppatch.ROWS,
    **report.ROWS,
    **copy_move.ROWS,
    **making.ROWS,
    **locking.ROWS,
}


def allowed(resource: Resource) -> tuple[str, ...]:
    """Methods of this kind of resource, for Allow."""
    return tuple(name for name, row in METHODS.items() if isinstance(resource, row.on))
