"""`mailserver index`: the text index that searches use. Thrown away at any time, it is made again by the server."""

import dataclasses
from typing import TYPE_CHECKING

import click

from mailserver.cli.context import Context
from mailserver.cli.faults import EXIT_FOUND
from mailserver.cli.noun import Noun
from mailserver.cli.output import json_option, octets, show_fields, show_json

if TYPE_CHECKING:
    from mailserver.search.verify import Status, Verified
    from mailserver.store.store import Store

LOOK_SECONDS = 0.2  # between looks whether the server is done


@click.group(cls=Noun)
def index() -> None:
    """The text index that searches use."""


@index.command()
@json_option
@click.pass_obj
def status(context: Context, as_json: bool) -> None:
    """How many messages are in it, how many are waiting, and how large it is."""
    from mailserver.search import verify as checks

    found = context.run(checks.status)
    if as_json:
        show_json(dataclasses.asdict(found))
    else:
        show_fields(_for_people(found), as_json=False)


@index.command()
@click.option("--all", "everything", is_flag=True, help="Read every message again, not a sample of them.")
@json_option
@click.pass_obj
def verify(context: Context, everything: bool, as_json: bool) -> int:
    """Compare the index with the messages; 1 where it is wrong."""
    from mailserver.search import verify as checks

    async def work(store: "Store") -> checks.Verified:
        return await checks.verify(store, everything=everything)

    found = context.run(work)
    if as_json:
        show_json(dataclasses.asdict(found))
    else:
        for fault in found.faults:
            click.echo(fault)
        click.echo(_verdict(found))
    return EXIT_FOUND if found.faults else 0


@index.command()
@click.option("--no-wait", is_flag=True, help="Do not wait until a running server is done.")
@click.pass_obj
def rebuild(context: Context, no_wait: bool) -> None:
    """Make the index anew. Searches stay right meanwhile; a running server does it itself, in its spare time."""
    from mailserver.daemon.lock import Lock
    from mailserver.errors import InUse
    from mailserver.search.text_index import TextIndex
    from mailserver.store import search_requests

    async def work(store: "Store") -> str:
        wish = await store.write(search_requests.ask)
        try:
            with Lock(store.data):  # no server may start with the file that is about to be exchanged
                texts = await TextIndex.open(store, store.clock, follow=False)
                try:
                    await texts.indexer.settle()
                finally:
                    await texts.close()
        except InUse:
            while not no_wait and await store.read(search_requests.pending) >= wish:
                await store.clock.sleep(LOOK_SECONDS)
            return "The server will make the index anew" if no_wait else "The server made the index anew"
        return "The index is made anew"

    click.echo(context.run(work))


def _for_people(status: "Status") -> dict[str, object]:
    return {
        "size": octets(status.octets),
        "messages": status.indexed,
        "not in it yet": status.behind,
        "read by every search": status.unsure,  # too long, or unreadable
        "words": status.words,
    }


def _verdict(found: "Verified") -> str:
    if found.faults:
        return f"{len(found.faults)} faults; 'mailserver index rebuild' makes it anew"
    of = f"{found.compared} of {found.status.indexed}"
    return f"The index is right: {of} messages compared, {found.status.behind} not in it yet"
