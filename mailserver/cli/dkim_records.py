"""Keys and their DNS records, as the commands show them."""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from mailserver.cli.output import show_json
from mailserver.cli.times import moment

if TYPE_CHECKING:
    from mailserver.dkim.record import Record
    from mailserver.store.dkim_keys import DkimKey

COLUMNS = ("domain", "selector", "algorithm", "state", "storage", "created", "active_since", "due", "missing")
NONE = "No keys: mail goes unsigned. Make them: mailserver dkim generate DOMAIN"
DAY_MS = 86_400_000


def record(key: "DkimKey") -> "Record":
    """What the DNS should say: of a revoked key, that it was revoked."""
    from mailserver.dkim.keyring import record_of

    found = record_of(key)
    return replace(found, p="") if key.state == "revoked" else found


def show_records(keys: "Sequence[DkimKey]", as_json: bool) -> None:
    """Lines for a zone file; what a provider's form wants stands beside them as a comment."""
    if as_json:
        show_json([_record_fields(key) for key in keys])
        return
    if not keys:
        click.echo(f"; {NONE}")
    for key in keys:
        found = record(key)
        click.echo(f"; {key.algorithm}, {key.state}. In one line: {found.name} TXT {found.value}")
        click.echo(found.zone)


def key_fields(key: "DkimKey", rotate_days: int) -> dict[str, Any]:
    """A row of the listing; `due`: when a successor is made."""
    due = None
    if key.state == "active" and rotate_days:
        due = "now" if key.created_at is None else moment(key.created_at + rotate_days * DAY_MS)
    return {
        "domain": key.domain,
        "selector": key.selector,
        "algorithm": key.algorithm,
        "state": str(key.state),
        "storage": str(key.storage),
        "created": moment(key.created_at) or None,
        "active_since": moment(key.activated_at) or None,
        "due": due,
        "missing": moment(key.missing_since) or None if key.state == "active" else None,
    }


def _record_fields(key: "DkimKey") -> dict[str, Any]:
    found = record(key)
    return {
        "domain": key.domain,
        "selector": key.selector,
        "algorithm": key.algorithm,
        "state": str(key.state),
        "name": found.name,
        "type": "TXT",
        "value": found.value,
        "zone": found.zone,
    }
