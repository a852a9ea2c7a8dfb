"""All commands. An extension is a file with ROWS and a line here."""

from mailserver.imap.commands import (
    acl,
    any_state,
    append,
    cancel_update,
    compress,
    copying,
    enable,
    expunge,
    fetch,
    idle,
    leave,
    login,
    mailbox_names,
    metadata,
    multisearch,
    namespace,
    notify,
    quota,
    replace,
    search,
    select,
    sort,
    starttls,
    status,
    store,
    thread,
    uid_batches,
    unauthenticate,
)
from mailserver.imap.commands import id as id_
from mailserver.imap.commands import list as list_
from mailserver.imap.row import Row, Rows

_FAMILIES: tuple[Rows, ...] = (
    acl.ROWS,
    any_state.ROWS,
    append.ROWS,
    cancel_update.ROWS,
    compress.ROWS,
    copying.ROWS,
    enable.ROWS,
    expunge.ROWS,
    fetch.ROWS,
    id_.ROWS,
    idle.ROWS,
    leave.ROWS,
    list_.ROWS,
    login.ROWS,
    mailbox_names.ROWS,
    multisearch.ROWS,
    metadata.ROWS,
    namespace.ROWS,
    notify.ROWS,
    quota.ROWS,
    replace.ROWS,
    search.ROWS,
    select.ROWS,
    sort.ROWS,
    starttls.ROWS,
    status.ROWS,
    store.ROWS,
    thread.ROWS,
    unauthenticate.ROWS,
    uid_batches.ROWS,
)


def _joined() -> Rows:
    """By name; a row with a UID form stands under both."""
    rows: dict[str, Row] = {}
    for family in _FAMILIES:
        for name, row in family.items():
            rows[name] = row
            if row.uid:
                rows[f"UID {name}"] = row
    return rows


COMMANDS = _joined()
