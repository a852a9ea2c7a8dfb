"""Which rows go in one transaction. Pure."""

from collections.abc import Iterable
from itertools import islice

from mailserver.remote.consignment import Consignment
from mailserver.store.queue import Entry

MAX_RECIPIENTS = 100  # of one transaction: what every server must take, RFC 5321 §4.5.3.1.8


def consignments(entries: Iterable[Entry]) -> list[Consignment]:
    """Rows that go in one transaction, in the order of their first."""
    groups: dict[tuple[object, ...], list[Entry]] = {}
    for entry in entries:
        groups.setdefault(_options(entry), []).append(entry)
    return [
        Consignment(tuple(piece), group[0].destination)
        for group in groups.values()
        for piece in _pieces(group, MAX_RECIPIENTS)
    ]


def _options(entry: Entry) -> tuple[object, ...]:
    """What rows of one transaction have in common."""
    return (
        entry.message_path, entry.sender, entry.destination, entry.transaction_id, entry.user_id, entry.domain_id,
        entry.envid, entry.ret, entry.body, entry.smtputf8, entry.require_tls, entry.tls_optional,
    )  # fmt: skip


def _pieces(entries: Iterable[Entry], size: int) -> Iterable[list[Entry]]:
    rest = iter(entries)
    while piece := [*islice(rest, size)]:
        yield piece
