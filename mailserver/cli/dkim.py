"""`mailserver dkim`: the keys that mail is signed with, and the DNS records they need."""

from collections.abc import Awaitable, Callable, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mailserver.cli.context import Context
from mailserver.cli.dkim_records import COLUMNS, DAY_MS, NONE, key_fields, record, show_records
from mailserver.cli.noun import Noun
from mailserver.cli.output import json_option, show_fields, show_json, show_list
from mailserver.cli.times import moment

if TYPE_CHECKING:
    from mailserver.dkim.rotation import Rotation
    from mailserver.store.dkim_keys import DkimKey
    from mailserver.store.store import Store

SHOWN_REVOKED_DAYS = 180  # how long `dns` tells of the records of revoked keys
ALGORITHMS = ("RSA-2048", "RSA-4096", "Ed25519")
STORAGES = ("file", "database", "hybrid")

T = TypeVar("T")


@click.group(cls=Noun)
def dkim() -> None:
    """Keys that mail is signed with (DKIM). New ones sign as soon as their records are seen in the DNS."""


@dkim.command()
@click.argument("domain")
@click.option("--algorithm", type=click.Choice(ALGORITHMS, case_sensitive=False), help="[default: dkim.algorithms]")
@click.option("--selector", help="The label before ._domainkey, with --algorithm.  [default: from the month]")
@click.option("--storage", type=click.Choice(STORAGES), help="Where the private key is kept.  [default: dkim.storage]")
@json_option
@click.pass_obj
def generate(
    context: Context, domain: str, algorithm: str | None, selector: str | None, storage: str | None, as_json: bool
) -> None:
    """Make keys and print the records to publish. They sign nothing until then."""
    if selector is not None and algorithm is None:
        raise click.UsageError("--selector goes with --algorithm: two keys can not share one")

    async def make(store: "Store") -> "list[DkimKey]":
        from mailserver.dkim import new_keys
        from mailserver.dkim.private_keys import Algorithm
        from mailserver.store.dkim_keys import Storage

        algorithms = [Algorithm(algorithm)] if algorithm else []
        where = Storage(storage) if storage else None
        return await new_keys.generate(store, context.loaded().config.dkim, domain, algorithms, selector, where)

    show_records(context.run(make), as_json)


@dkim.command("list")
@click.argument("domain", required=False)
@json_option
@click.pass_obj
def list_(context: Context, domain: str | None, as_json: bool) -> None:
    """Keys of a domain, or of all. A domain without an active one sends its mail unsigned."""
    from mailserver.store import dkim_keys

    found = context.run(lambda store: store.read(dkim_keys.list, domain))
    show_list(COLUMNS, [key_fields(key, _rotate_days(context)) for key in found], as_json, NONE)


@dkim.command()
@click.argument("domain")
@click.argument("selector", required=False)
@json_option
@click.pass_obj
def show(context: Context, domain: str, selector: str | None, as_json: bool) -> None:
    """All about a domain's keys: whether each can be used, and what the DNS says."""

    async def look(rotation: "Rotation", store: "Store") -> list[dict[str, Any]]:
        keys = await _chosen(store, domain, selector)
        return [await _all_about(rotation, key, _rotate_days(context)) for key in keys]

    found = _run(context, look)
    if as_json:
        show_json(found)
        return
    if not found:
        click.echo(NONE)
    for fields in found:
        show_fields(fields, as_json)
        click.echo()


@dkim.command()
@click.argument("domain")
@json_option
@click.pass_obj
def dns(context: Context, domain: str, as_json: bool) -> None:
    """The records that the domain's keys need, as a zone file. No private key is opened for it."""

    async def read(store: "Store") -> "list[DkimKey]":
        since = store.clock.now().timestamp() * 1000 - SHOWN_REVOKED_DAYS * DAY_MS
        return [key for key in await _chosen(store, domain, None) if (key.revoked_at or since) >= since]

    show_records(context.run(read), as_json)


@dkim.command()
@click.argument("domain")
@click.argument("selector", required=False)
@click.option("--force", is_flag=True, help="Although the DNS does not have the record.")
@click.pass_obj
def activate(context: Context, domain: str, selector: str | None, force: bool) -> None:
    """Sign with the pending keys, or with SELECTOR, when their records are in the DNS."""

    async def work(rotation: "Rotation", store: "Store") -> "list[DkimKey]":
        keys = await (_pending(store, domain) if selector is None else _chosen(store, domain, selector))
        return await _activate(rotation, keys, force=force)

    done = _run(context, work)
    _say_signing(done)
    if not done:
        click.echo(f"{domain} has no pending key")


@dkim.command()
@click.argument("domain")
@json_option
@click.pass_obj
def rotate(context: Context, domain: str, as_json: bool) -> None:
    """Make successors of the keys; run again, when their records are published, sign with them."""

    async def work(rotation: "Rotation", store: "Store") -> "tuple[bool, list[DkimKey]]":
        from mailserver.dkim import new_keys

        pending = await _pending(store, domain)
        if pending:
            return True, await _activate(rotation, pending, force=False)
        return False, await new_keys.generate(store, context.loaded().config.dkim, domain)

    sign, keys = _run(context, work)
    if sign and not as_json:
        _say_signing(keys)
    else:
        show_records(keys, as_json)


@dkim.command()
@click.argument("domain")
@click.argument("selector")
@click.pass_obj
def revoke(context: Context, domain: str, selector: str) -> None:
    """Never sign with it again, and destroy the private key: for one that somebody else may have."""

    async def work(rotation: "Rotation", store: "Store") -> "tuple[DkimKey, list[DkimKey]]":
        [key] = await _chosen(store, domain, selector)
        await rotation.revoke(key)
        [revoked] = await _chosen(store, domain, selector)
        return revoked, await _active(store, domain)

    key, active = _run(context, work)
    click.echo(f"Revoked {key.selector} of {key.domain}. Publish this record instead of its own, or remove that:")
    show_records([key], as_json=False)
    if not active:
        click.echo(f"No key of {key.domain} signs now: its mail goes unsigned until a new one's record is published")


# ---- inside ----


def _run(context: Context, work: "Callable[[Rotation, Store], Awaitable[T]]") -> T:
    """With a resolver, for the time of the command."""

    async def whole(store: "Store") -> T:
        from mailserver.dkim.rotation import Rotation
        from mailserver.dns.resolver import DnsResolver

        config = context.loaded().config
        resolver = DnsResolver(config.dns, store.clock)
        try:
            return await work(Rotation(store, store.clock, resolver, config.dkim), store)
        finally:
            await resolver.close()

    return context.run(whole)


async def _chosen(store: "Store", domain: str, selector: str | None) -> "list[DkimKey]":
    from mailserver.store import dkim_keys

    if selector is None:
        return await store.read(dkim_keys.list, domain)
    return [await store.read(dkim_keys.get, domain, selector)]


async def _pending(store: "Store", domain: str) -> "list[DkimKey]":
    from mailserver.store import dkim_keys
    from mailserver.store.dkim_states import State

    return await store.read(dkim_keys.list, domain, State.PENDING)


async def _active(store: "Store", domain: str) -> "list[DkimKey]":
    from mailserver.store import dkim_keys
    from mailserver.store.dkim_states import State

    return await store.read(dkim_keys.list, domain, State.ACTIVE)


async def _activate(rotation: "Rotation", keys: "list[DkimKey]", *, force: bool) -> "list[DkimKey]":
    for key in keys:
        await rotation.activate(key, unseen=force)
    return keys


async def _all_about(rotation: "Rotation", key: "DkimKey", rotate_days: int) -> dict[str, Any]:
    return {
        **key_fields(key, rotate_days),
        "seen": moment(key.seen_at) or None,
        "retired": moment(key.retired_at) or None,
        "revoked": moment(key.revoked_at) or None,
        "file": key.key_file,
        "private_key": await rotation.what_the_key_says(key),
        "dns": await rotation.what_dns_says(key) or "the record is there",
        "record": record(key).name,
        "value": record(key).value,
    }


def _say_signing(keys: "Iterable[DkimKey]") -> None:
    for key in keys:
        click.echo(f"{key.selector} of {key.domain} signs from now on")


def _rotate_days(context: Context) -> int:
    return context.loaded().config.dkim.rotate_days
