"""`mailserver dav`: files of events and contacts in and out, a whole home as one archive; how clients find them."""

import sys
from contextlib import AbstractContextManager, ExitStack, nullcontext
from functools import partial
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

import click

from mailserver.cli.context import Context
from mailserver.cli.faults import EXIT_FOUND
from mailserver.cli.noun import Noun
from mailserver.cli.output import json_option, show_json

if TYPE_CHECKING:
    from mailserver.groupware.access import Seen
    from mailserver.groupware.members import Members
    from mailserver.groupware.transport.taking_in import Counts, TakingIn
    from mailserver.store.collections import Family
    from mailserver.store.database import Rx
    from mailserver.store.store import Store

STDIN = "-"
SERVICES = ("caldav", "carddav")
HTTPS = 443
TTL = 3600

Told = list[tuple[str, "Counts"]]  # by file, those in an archive one by one


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

    An archive of `dav export --all` goes into calendars and address books of the same names, which are made where
    they are missing. It can be run again: what is there stays as it is. What can not be taken is named with its line;
    the rest goes in, and the exit code is 1. Nobody is invited by an import.
    """
    from mailserver.cli.dav_counts import fields, say

    wanted = {"calendars": calendar, "addressbooks": addressbook}
    told: Told = []
    with ExitStack() as opened:
        sources = [(file, opened.enter_context(_source(file))) for file in files]  # while root's rights are there
        for file, source in sources:
            told += context.run(partial(_take_in, context, user, file, source, wanted, replace))
    for file, counts in told:
        say(file, counts, quiet=as_json)
    if as_json:
        show_json([fields(file, counts) for file, counts in told])
    return EXIT_FOUND if any(counts.refused for _, counts in told) else 0


@dav.command()
@click.argument("user")
@click.argument("file", default=STDIN)
@click.option("--calendar", metavar="NAME", help="This calendar.  [default: the user's default calendar]")
@click.option("--addressbook", metavar="NAME", help="This address book, not a calendar.")
@click.option("--all", "everything", is_flag=True, help="All calendars and address books, as one zip archive.")
@click.pass_obj
def export(
    context: Context, user: str, file: str, calendar: str | None, addressbook: str | None, everything: bool
) -> None:
    """Write a calendar or an address book as one FILE (- is standard output)."""
    from mailserver.cli.dav_target import target
    from mailserver.errors import BadValue
    from mailserver.store.collections import Family

    if sum((calendar is not None, addressbook is not None, everything)) > 1:
        raise BadValue("Give one of --calendar, --addressbook and --all: a file holds one of them, an archive all")
    family = Family.CALENDARS if addressbook is None else Family.ADDRESSBOOKS
    with target(file) as out:
        if everything:
            context.run(lambda store: _give_all(context, store, user, out))
        else:
            context.run(lambda store: _give_out(context, store, user, family, calendar or addressbook, out))


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


def _source(file: str) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if file == STDIN else open(file, "rb")


async def _take_in(
    context: Context,
    user: str,
    file: str,
    source: BinaryIO,
    wanted: dict[str, str | None],
    replace: bool,
    store: "Store",
) -> Told:
    from mailserver.cli.dav_counts import Progress
    from mailserver.groupware.transport.archive import is_archive
    from mailserver.groupware.transport.items import MAX_FILE_OCTETS, family_of
    from mailserver.groupware.transport.taking_in import TakingIn

    data = source.read(MAX_FILE_OCTETS + 1)
    taking_in = TakingIn(store, _service(context, store))
    if is_archive(data):
        return await _take_all(context, user, file, data, replace, store, taking_in)
    family = family_of(data)
    user_id, slug = await store.read(_chosen, user, family, wanted[family])
    with Progress(file) as progress:
        return [(file, await taking_in.take_in(user_id, family, slug, data, replace=replace, progress=progress))]


async def _take_all(
    context: Context, user: str, file: str, data: bytes, replace: bool, store: "Store", taking_in: "TakingIn"
) -> Told:
    from mailserver.cli.dav_counts import Progress
    from mailserver.groupware.transport.archive import Archive
    from mailserver.groupware.transport.placing import place
    from mailserver.store import users

    user_id = (await store.read(users.get, user)).id
    archive, told = Archive(BytesIO(data)), Told()
    for entry in archive.entries:
        octets = await store.in_thread(archive.data, entry)
        slug = await store.write(place, user_id, entry, context.loaded().config.dav)
        with Progress(name := f"{file}:{entry.file}") as progress:
            counts = await taking_in.take_in(user_id, entry.family, slug, octets, replace=replace, progress=progress)
        told.append((name, counts))
    return told


async def _give_out(
    context: Context, store: "Store", user: str, family: "Family", name: str | None, target: BinaryIO
) -> None:
    from mailserver.groupware.transport.giving_out import give_out

    user_id, slug = await store.read(_chosen, user, family, name)
    async for piece in give_out(_service(context, store), user_id, family, slug):
        target.write(piece)


async def _give_all(context: Context, store: "Store", user: str, target: BinaryIO) -> None:
    from zipfile import ZIP_DEFLATED, ZipFile

    from mailserver.groupware.transport.archive import INDEX, entries, written_index
    from mailserver.groupware.transport.giving_out import give_out

    user_id, seen = await store.read(_home, user)
    service, found = _service(context, store), entries(seen)
    with ZipFile(target, "w", ZIP_DEFLATED) as archive:
        for entry in found:
            with archive.open(entry.file, "w") as file:
                async for piece in give_out(service, user_id, entry.family, entry.slug):
                    file.write(piece)
        archive.writestr(INDEX, written_index(found))


def _home(rx: "Rx", user: str) -> "tuple[int, list[Seen]]":
    from mailserver.groupware import access
    from mailserver.store import users
    from mailserver.store.collections import Family

    user_id = users.get(rx, user).id
    return user_id, [seen for family in Family for seen in access.list(rx, user_id, family)]


def _chosen(rx: "Rx", user: str, family: "Family", name: str | None) -> tuple[int, str]:
    """The user's id and the slug in his home."""
    from mailserver.cli.collection_choice import find
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
