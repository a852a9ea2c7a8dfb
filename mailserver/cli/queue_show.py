"""How one entry of the outbound queue and the figures of all of it are shown."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import click

from mailserver.cli.output import octets, show_fields, show_json, show_table
from mailserver.cli.times import moment

if TYPE_CHECKING:
    from mailserver.store.attempts import Attempt
    from mailserver.store.lanes import Lane
    from mailserver.store.queue_watch import Stats

ATTEMPT_COLUMNS = ("started", "seconds", "host", "TLS", "code", "answer")
FIRST = ("id", "state", "sender", "recipient", "attempts", "next_attempt", "last_error")  # what is looked for
LANE_COLUMNS = ("host", "held up", "reason")
CIRCUITS = {"open": "left alone for a while", "half open": "tried with one connection"}
DESTINATION_COLUMNS = ("destination", "entries", "oldest", "next attempt", "last error")


def entry(fields: dict[str, Any], attempts: "Sequence[Attempt]", as_json: bool) -> None:
    if as_json:
        show_json(fields | {"attempts_made": [_attempt(each) for each in attempts]})
        return
    order = [*FIRST, *(name for name in fields if name not in FIRST)]
    show_fields({name: fields[name] for name in order if fields[name] not in (None, "")}, as_json)
    if attempts:
        click.echo()
        show_table(ATTEMPT_COLUMNS, [_row(each) for each in attempts], "")


def stats(found: "Stats", lanes: "Sequence[Lane]", as_json: bool) -> None:
    if as_json:
        show_json(dataclasses.asdict(found) | {"lanes": [dataclasses.asdict(lane) for lane in lanes]})
        return
    show_fields(
        {
            **{state.value: count for state, count in found.live.items()},
            "scheduled": found.scheduled,
            "deferred": found.deferred,
            **{state.value: count for state, count in found.ended.items()},
            "size": octets(found.octets),
            "oldest": found.oldest,
        },
        as_json,
    )
    if found.destinations:
        click.echo()
        rows = [dataclasses.astuple(each) for each in found.destinations]
        show_table(DESTINATION_COLUMNS, rows, "")
    if lanes:
        click.echo()
        show_table(LANE_COLUMNS, [(lane.host, _held_up(lane), lane.reason) for lane in lanes], "")


def _held_up(lane: "Lane") -> str:
    return f"slowed down, step {lane.pace}" if lane.circuit == "closed" else CIRCUITS[lane.circuit]


def _attempt(attempt: "Attempt") -> dict[str, Any]:
    return dataclasses.asdict(attempt) | {"started_at": moment(attempt.started_at)}


def _row(attempt: "Attempt") -> Sequence[object]:
    host = attempt.host or ""
    if attempt.address and attempt.address != attempt.host:
        host = f"{host} [{attempt.address}]".lstrip()
    code = " ".join(str(part) for part in (attempt.code, attempt.status) if part is not None)
    seconds = f"{attempt.duration_ms / 1000:.1f}"
    return moment(attempt.started_at), seconds, host, attempt.tls, code, attempt.text
