"""`mailserver dav`: files of events and contacts in and out; how clients find them."""

import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import click

from mailserver.cli.context import Context
from mailserver.cli.faults import EXIT_FOUND
from mailserver.cli.noun import Noun
from mailserver.cli.output import json_option, show_json

if TYPE_CHECKING:
    from mailserver.groupware.members import Members
    from mailserver.groupware.transport import Counts
    from mailserver.store.collections import Family
    from mailserver.store.database import Rx
    from mailserver.store.store import Store

STDIN = "-"
SERVICES = ("caldav", "carddav")
HTTPS = 443
TTL = 3600


@click.group(cls=Noun)
def dav() -> None:
    """Files of events (.ics) and contacts (.vcf), as other programs write and read them."""


@dav.command("import")
@click.argument("user")
@click.argument("files", nargs=-1, required=True, metavar="FILE…")
@click.option("--calendar", metavar="NAME", help="Where events and tasks go.  [default: the user's default calendar]")
@click.option("--addressbook", metavar="NAME", help="Where contacts go.  [default: the user's default address book]")
@click.option("--replace", is_flag=True, help="What is there in another form is replaced, not kept.")
@json_option
@click.pass_obj
def import_(
    context: Context,
    user: str,
    files: tuple[str, ...],
    calendar: str | None,
    addressbook: str | None,
    replace: bool,
    as_json: bool,
) -> int:
    """Add what the FILES hold (- is standard input): one object for each UID.

    It can be run again: what is there stays as it is. What can not be taken is named with its line; the rest goes
    in, and the exit code is 1. Nobody is invited by an import.
    """
    wanted = {"calendars": calendar, "addressbooks": addressbook}
    told = {}
    for file in files:
        data = _read(file)
        told[file] = context.run(partial(_take_in, context, user, data, wanted, replace))
    for file, counts in told.items():
        _say(file, counts, quiet=as_json)
    if as_json:
        show_json([_fields(file, counts) for file, counts in told.items()])
    return EXIT_FOUND if any(counts.refused for counts in told.values()) else 0


@dav.command()
@click.argument("user")
@click.argument("file", default=STDIN)
@click.option("--calendar", metavar="NAME", help="This calendar.  [default: the user's default calendar]")
@click.option("--addressbook", metavar="NAME", help="This address book, not a calendar.")
@click.pass_obj
def export(context: Context, user: str, file: str, calendar: str | None, addressbook: str | None) -> None:
    """Write a calendar or an address book as one FILE (- is standard output)."""
    from mailserver.errors import BadValue
    from mailserver.store.collections import Family

    if calendar is not None and addressbook is not None:
        raise BadValue("Give --calendar or --addressbook, one file holds one of them")
    family = Family.CALENDARS if addressbook is None else Family.ADDRESSBOOKS
    if file == STDIN:
        context.run(lambda store: _give_out(context, store, user, family, calendar or addressbook, sys.stdout.buffer))
        return
    with Path(file).open("wb") as target:
        context.run(lambda store: _give_out(context, store, user, family, calendar or addressbook, target))


@dav.command()
@click.argument("domain")
@json_option
@click.pass_obj
def dns(context: Context, domain: str, as_json: bool) -> None:
    """The DNS records by which clients find calendars and contacts of a domain (RFC 6764), as a zone file."""
    from mailserver.dav.resources import PREFIX
    from mailserver.store import domains

    name = context.run(lambda store: store.read(domains.get, domain)).name
    config = context.loaded().config
    port = config.listeners.https.port or HTTPS
    records = [
        *(
            (f"_{service}s._tcp.{name}.", kind, value)
            for service in SERVICES
            for kind, value in (("SRV", f"0 1 {port} {config.server.hostname}."), ("TXT", f'"path={PREFIX}"'))
        ),
        *((f"_{service}._tcp.{name}.", "SRV", "0 0 0 .") for service in SERVICES),  # not without TLS
    ]
    if as_json:
        show_json([{"name": owner, "type": kind, "value": value} for owner, kind, value in records])
        return
    click.echo(f"; Calendars and contacts of {name}, over https alone (RFC 6764)")
    for owner, kind, value in records:
        click.echo(f"{owner} {TTL} IN {kind} {value}")


def _read(file: str) -> bytes:
    from mailserver.groupware.transport import MAX_FILE_OCTETS

    if file == STDIN:
        return sys.stdin.buffer.read(MAX_FILE_OCTETS + 1)
    with Path(file).open("rb") as source:
        return source.read(MAX_FILE_OCTETS + 1)


async def _take_in(
    context: Context, user: str, data: bytes, wanted: dict[str, str | None], replace: bool, store: "Store"
) -> "Counts":
    from mailserver.groupware.transport import Transport, family_of

    family = family_of(data)
    user_id, slug = await store.read(_chosen, user, family, wanted[family])
    return await Transport(store, _service(context, store)).take_in(user_id, family, slug, data, replace=replace)


async def _give_out(
    context: Context, store: "Store", user: str, family: "Family", name: str | None, target: BinaryIO
) -> None:
    from mailserver.groupware.transport import Transport

    user_id, slug = await store.read(_chosen, user, family, name)
    async for piece in Transport(store, _service(context, store)).give_out(user_id, family, slug):
        target.write(piece)


def _chosen(rx: "Rx", user: str, family: "Family", name: str | None) -> tuple[int, str]:
    """The user's id and the slug in his home."""
    from mailserver.cli.collection import find
    from mailserver.errors import NoSuchCollection
    from mailserver.store import collections, users

    if name is not None:
        user_id, seen = find(rx, user, family, name)
        return user_id, seen.slug
    user_id = users.get(rx, user).id
    default = collections.default(rx, family, user_id)
    if default is None:
        raise NoSuchCollection(f"{user} has no default among the {family}: name one")
    return user_id, default.slug


def _service(context: Context, store: "Store") -> "Members":
    from mailserver.groupware.calendars.accept import accept as accept_event
    from mailserver.groupware.contacts.accept import accept as accept_contact
    from mailserver.groupware.members import Members
    from mailserver.store.collections import Family

    accept = {Family.CALENDARS: accept_event, Family.ADDRESSBOOKS: accept_contact}
    return Members(store, accept, config=context.loaded().config.dav)


def _say(file: str, counts: "Counts", *, quiet: bool) -> None:
    from mailserver.log import safe

    for fault in counts.faults:
        click.echo(f"{file}:{fault.number}: {safe(f'{fault.uid}: ' if fault.uid else '')}{safe(fault.text)}", err=True)
    if counts.refused > len(counts.faults):
        click.echo(f"{file}: and {counts.refused - len(counts.faults)} more", err=True)
    if not quiet:
        kept = f", {counts.kept} kept as they are (--replace replaces them)" if counts.kept else ""
        click.echo(
            f"{file}: {counts.added} added, {counts.replaced} replaced, {counts.unchanged} unchanged"
            f"{kept}, {counts.refused} refused"
        )


def _fields(file: str, counts: "Counts") -> dict[str, object]:
    return {
        "file": file,
        "added": counts.added,
        "replaced": counts.replaced,
        "unchanged": counts.unchanged,
        "kept": counts.kept,
        "refused": counts.refused,
        "faults": [{"line": each.number, "uid": each.uid, "text": each.text} for each in counts.faults],
    }
