"""Verbs of `mailserver calendar` for the world outside: secret links, feeds of other servers, published free-busy."""

import re
import secrets
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from mailserver.cli.context import Context
from mailserver.cli.output import json_option, show_json, show_list
from mailserver.cli.times import moment

if TYPE_CHECKING:
    from mailserver.config.tree import Config
    from mailserver.groupware.access import Seen
    from mailserver.groupware.feeds.secret_addresses import Secret
    from mailserver.store.database import Rx, Tx
    from mailserver.store.feeds import Feed
    from mailserver.store.store import Store

LINK_COLUMNS = ("id", "calendar", "shows", "created", "last_used", "address")
FEED_COLUMNS = ("calendar", "name", "objects", "every", "fetched", "next", "state", "address")
SCOPES = ("off", "domain", "secret")
HTTPS = 443

_PAUSE = re.compile(r"(\d{1,5})\s*([mhd])", re.IGNORECASE)
_UNITS = {"m": timedelta(minutes=1), "h": timedelta(hours=1), "d": timedelta(days=1)}


class Pause(click.ParamType[timedelta]):
    """30m, 1h, 2d."""

    name = "time"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> timedelta:
        match = _PAUSE.fullmatch(str(value).strip())
        if match is None:
            self.fail(f"{value!r} is not a time such as 30m, 1h or 2d", param, ctx)
        return int(match[1]) * _UNITS[match[2].lower()]


@click.command()
@click.argument("user")
@click.argument("name", metavar="CALENDAR")
@click.option("--busy-only", is_flag=True, help="Show when there is something, and nothing of what.")
@json_option
@click.pass_obj
def link(context: Context, user: str, name: str, busy_only: bool, as_json: bool) -> None:
    """Print a new secret address: whoever has it reads the calendar, without a login, until it is taken back."""
    from mailserver.cli.collection_choice import find
    from mailserver.groupware.feeds import links
    from mailserver.store.collections import Family

    async def make(store: "Store") -> "tuple[int, Secret]":
        secret = await _made(store)

        def write(tx: "Tx") -> int:
            user_id, seen = find(tx, user, Family.CALENDARS, name)
            return links.create(tx, user_id, seen.slug, secret, busy_only=busy_only).id

        return await store.write(write), secret

    link_id, secret = context.run(make)
    address = _link_address(context.loaded().config, secret.text)
    if as_json:
        show_json({"id": link_id, "address": address, "busy_only": busy_only})
    else:
        click.echo(address)


@click.command("links")
@click.argument("user")
@json_option
@click.pass_obj
def list_links(context: Context, user: str, as_json: bool) -> None:
    """Secret addresses of USER's calendars, to be copied again or taken back."""
    from mailserver.groupware.feeds import links
    from mailserver.store import users

    async def read(store: "Store") -> list[dict[str, Any]]:
        from mailserver.groupware.feeds.secret_addresses import opened
        from mailserver.store.sealing import SealingKey

        found = await store.read(lambda rx: links.list(rx, users.get(rx, user).id))
        key = await store.in_thread(SealingKey.open, store.data) if found else None
        return [
            {
                "id": each.id,
                "calendar": seen.slug,
                "shows": "busy times" if each.busy_only else "everything",
                "created": moment(each.created_ms),
                "last_used": moment(each.used_ms) or None,
                "address": _link_address(context.loaded().config, opened(key, each.secret_hash, each.sealed)),
            }
            for seen, each in found
            if key is not None
        ]

    empty = "No links; make one: mailserver calendar link USER CALENDAR"
    show_list(LINK_COLUMNS, context.run(read), as_json, empty)


@click.command()
@click.argument("user")
@click.argument("number", type=int, metavar="ID")
@click.pass_obj
def unlink(context: Context, user: str, number: int) -> None:
    """Take a secret address back, by its number in `links`: nobody reads by it any more."""
    from mailserver.groupware.feeds import links
    from mailserver.store import users

    context.run(lambda store: store.write(lambda tx: links.remove(tx, users.get(tx, user).id, number)))
    click.echo(f"Link {number} of {user} is taken back")


@click.command()
@click.argument("user")
@click.argument("url")
@click.option("--name", help="What people see.  [default: the other server's host name]")
@click.option("--slug", help="The name in its address.  [default: the same]")
@click.option("--color", help="#RRGGBB.")
@click.option("--every", type=Pause(), default="1h", show_default=True, help="How often it is fetched: 30m, 1h, 2d.")
@click.option("--busy", is_flag=True, help="What is in it makes USER busy for others.")
@click.pass_obj
def subscribe(
    context: Context,
    user: str,
    url: str,
    name: str | None,
    slug: str | None,
    color: str | None,
    every: timedelta,
    busy: bool,
) -> None:
    """A calendar that shows what another server publishes at URL (https:// or webcal://), to be read only."""
    from mailserver.groupware import homes
    from mailserver.groupware.feeds import addresses
    from mailserver.groupware.wanted import CollectionChanges, NewCollection
    from mailserver.store import users
    from mailserver.store.collections import Family

    def write(tx: "Tx") -> "Seen":
        shown = name or addresses.host(addresses.checked(url))
        new = NewCollection(shown, color=color, source=url, every=every)
        user_id, config = users.get(tx, user).id, context.loaded().config.dav
        made = homes.create(tx, user_id, Family.CALENDARS, slug or shown, new, config)
        if busy:
            changes = CollectionChanges(is_transparent=False)
            return homes.change(tx, user_id, Family.CALENDARS, made.slug, changes)
        return made

    made = context.run(lambda store: store.write(write))
    click.echo(f"{user} has the calendar {made.name} as {made.slug}; the running server fetches it now")


@click.command()
@click.argument("user")
@json_option
@click.pass_obj
def subscriptions(context: Context, user: str, as_json: bool) -> None:
    """Calendars of USER that show feeds of other servers, and how fetching them goes."""
    from mailserver.groupware import access
    from mailserver.store import feeds, users
    from mailserver.store.collections import Family

    def read(rx: "Rx") -> list[dict[str, Any]]:
        seen = access.list(rx, users.get(rx, user).id, Family.CALENDARS)
        pairs = [(each, feeds.find(rx, each.collection.id)) for each in seen if not each.is_shared_in]
        return [_feed_fields(each, feed) for each, feed in pairs if feed is not None]

    empty = "None; add one: mailserver calendar subscribe USER URL"
    show_list(FEED_COLUMNS, context.run(lambda store: store.read(read)), as_json, empty)


@click.command()
@click.argument("user")
@click.argument("name", metavar="CALENDAR")
@click.pass_obj
def refresh(context: Context, user: str, name: str) -> None:
    """Have the running server fetch the feed of a calendar now, all of it."""
    from mailserver.cli.collection_choice import find
    from mailserver.groupware.feeds import sources
    from mailserver.store.collections import Family

    def write(tx: "Tx") -> None:
        user_id, seen = find(tx, user, Family.CALENDARS, name)
        sources.refresh(tx, user_id, seen.slug)

    context.run(lambda store: store.write(write))
    click.echo(f"{name} of {user} is fetched as soon as the server comes to it")


@click.command("free-busy")
@click.argument("user")
@click.argument("scope", type=click.Choice(SCOPES), required=False)
@click.option("--new-address", is_flag=True, help="Another secret address; the old one is answered no more.")
@json_option
@click.pass_obj
def free_busy(context: Context, user: str, scope: str | None, new_address: bool, as_json: bool) -> None:
    """Show, or set, who may ask when USER is busy: nobody, users of the domain, or whoever has the address."""
    from mailserver.store import free_busy_settings, users
    from mailserver.store.free_busy_settings import Scope, Setting

    async def work(store: "Store") -> tuple[str, str, str | None]:
        spare = await _made(store) if scope == Scope.SECRET or new_address else None

        def write(tx: "Tx") -> tuple[str, Setting]:
            found = users.get(tx, user)
            setting = free_busy_settings.get(tx, found.id)
            wanted = Scope(scope) if scope is not None else setting.scope
            digest, sealed = setting.secret_hash, setting.sealed
            if spare is not None and (new_address or digest is None):
                digest, sealed = spare.hash, spare.sealed
            if (changed := Setting(wanted, digest, sealed)) != setting:
                free_busy_settings.set(tx, found.id, changed)
            return found.address, changed

        address, setting = await store.write(write)
        return address, setting.scope, await _opened(store, setting.secret_hash, setting.sealed)

    address, chosen, secret = context.run(work)
    config = context.loaded().config
    shown = None if chosen == "off" else _free_busy_address(config, address, secret if chosen == "secret" else None)
    if as_json:
        show_json({"user": address, "scope": str(chosen), "address": shown})
    else:
        click.echo(f"{address}: {chosen}" + (f"\n{shown}" if shown is not None else ""))


VERBS: tuple[click.Command, ...] = (link, list_links, unlink, subscribe, subscriptions, refresh, free_busy)


async def _made(store: "Store") -> "Secret":
    from mailserver.groupware.feeds import secret_addresses
    from mailserver.store.sealing import SealingKey

    def make() -> "Secret":
        return secret_addresses.make(SealingKey.open(store.data), secrets.token_bytes)

    return await store.in_thread(make)


async def _opened(store: "Store", digest: bytes | None, sealed: bytes | None) -> str | None:
    from mailserver.groupware.feeds import secret_addresses
    from mailserver.store.sealing import SealingKey

    if digest is None or sealed is None:
        return None
    return await store.in_thread(lambda: secret_addresses.opened(SealingKey.open(store.data), digest, sealed))


def _link_address(config: "Config", secret: str) -> str:
    from mailserver.dav.resources import feed_path

    return _origin(config) + feed_path(secret)


def _free_busy_address(config: "Config", user: str, secret: str | None) -> str:
    from mailserver.dav.resources import free_busy_path

    return _origin(config) + free_busy_path(user, secret)


def _origin(config: "Config") -> str:
    port = config.listeners.https.port
    return f"https://{config.server.hostname}" + (f":{port}" if port not in {0, HTTPS} else "")


def _feed_fields(seen: "Seen", feed: "Feed") -> dict[str, Any]:
    return {
        "calendar": seen.slug,
        "name": seen.name,
        "objects": seen.collection.members,
        "every": str(timedelta(milliseconds=feed.every_ms)),
        "fetched": moment(feed.fetched_ms) or None,
        "next": moment(feed.next_ms),
        "state": _state(feed),
        "address": feed.url,
        "failures": feed.failures,
        "left_out": feed.left_out,
    }


def _state(feed: "Feed") -> str:
    if feed.failures:
        return f"failed {feed.failures} times: {feed.error}"
    if feed.fetched_ms is None:
        return "not fetched yet"
    return feed.error or "well"
