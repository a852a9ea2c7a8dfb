"""`mailserver calendar` and `mailserver addressbook`: collections of a user."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

from mailserver.cli import feeds
from mailserver.cli.collection_choice import WORDS, find
from mailserver.cli.collection_sharing import share_of, unshare_of
from mailserver.cli.context import Context
from mailserver.cli.noun import Noun
from mailserver.cli.output import json_option, octets, show_list

if TYPE_CHECKING:
    from mailserver.groupware.access import Seen
    from mailserver.store.database import Rx, Tx

COLUMNS = ("slug", "name", "objects", "size", "default", "kind", "owner", "shared_with")


@click.group(cls=Noun)
def calendar() -> None:
    """Calendars of a user. CALENDAR is the name in its address (the slug), or what the user calls it."""


@click.group(cls=Noun)
def addressbook() -> None:
    """Address books of a user. ADDRESSBOOK is the name in its address (the slug), or what the user calls it."""


def _list(family_name: str) -> Callable[..., None]:
    @click.argument("user")
    @json_option
    @click.pass_obj
    def list_(context: Context, user: str, as_json: bool) -> None:
        from mailserver.groupware import access
        from mailserver.store import users
        from mailserver.store.collections import Family

        def read(rx: "Rx") -> list[dict[str, Any]]:
            found = access.list(rx, users.get(rx, user).id, Family(family_name))
            return [_fields(rx, each, as_json) for each in found]

        found = context.run(lambda store: store.read(read))
        show_list(COLUMNS, found, as_json, f"{user} has none")

    list_.__doc__ = f"The {WORDS[family_name]}s in USER's home, with those that others share."
    return list_


def _fields(rx: "Rx", seen: "Seen", as_json: bool) -> dict[str, Any]:
    from mailserver.store import shares

    collection = seen.collection
    sharees = shares.list_of(rx, collection) if not seen.is_shared_in else []
    return {
        "slug": seen.slug,
        "name": seen.name,
        "objects": collection.members,
        "size": collection.octets if as_json else octets(collection.octets),
        "default": collection.is_default and not seen.is_shared_in,
        "kind": str(collection.kind),
        "owner": collection.owner,
        "shared_with": [f"{each.address} ({'read, write' if each.may_write else 'read'})" for each in sharees],
        "color": seen.color,
        "description": collection.description,
        "components": list(collection.components),
    }


def _add(family_name: str) -> Callable[..., None]:
    @click.argument("user")
    @click.argument("name")
    @click.option("--slug", help="The name in its address.  [default: the same]")
    @click.option("--color", help="#RRGGBB.")
    @click.option("--description", help="A few words.")
    @click.pass_obj
    def add(
        context: Context, user: str, name: str, slug: str | None, color: str | None, description: str | None
    ) -> None:
        from mailserver.groupware import homes
        from mailserver.groupware.wanted import NewCollection
        from mailserver.store import users
        from mailserver.store.collections import Family

        def write(tx: "Tx") -> "Seen":
            new = NewCollection(name, color=color, description=description)
            config = context.loaded().config.dav
            return homes.create(tx, users.get(tx, user).id, Family(family_name), slug or name, new, config)

        made = context.run(lambda store: store.write(write))
        click.echo(f"{user} has the {WORDS[family_name]} {made.name} as {made.slug}")

    add.__doc__ = f"A new {WORDS[family_name]} for USER."
    return add


def _set(family_name: str) -> Callable[..., None]:
    @click.argument("user")
    @click.argument("name", metavar=family_name.removesuffix("s").upper())
    @click.option("--name", "new_name", help="What people see.")
    @click.option("--slug", help="The name in its address; clients that know the old one have to look anew.")
    @click.option("--color", help='#RRGGBB; "" for none.')
    @click.option("--description", help='A few words; "" for none.')
    @click.option("--default", "is_default", is_flag=True, help="What is new goes here from now on.")
    @click.pass_obj
    def set_(
        context: Context,
        user: str,
        name: str,
        new_name: str | None,
        slug: str | None,
        color: str | None,
        description: str | None,
        is_default: bool,
    ) -> None:
        from mailserver.groupware import homes
        from mailserver.groupware.wanted import KEEP, CollectionChanges
        from mailserver.store.collections import Family

        def write(tx: "Tx") -> None:
            user_id, seen = find(tx, user, family := Family(family_name), name)
            changes = CollectionChanges(
                name=KEEP if new_name is None else new_name or None,
                color=KEEP if color is None else color or None,
                description=KEEP if description is None else description or None,
            )
            if changes != CollectionChanges():
                homes.change(tx, user_id, family, seen.slug, changes)
            if is_default:
                homes.make_default(tx, user_id, family, seen.slug)
            if slug is not None and slug != seen.slug:
                homes.move(tx, user_id, family, seen.slug, slug)

        context.run(lambda store: store.write(write))
        click.echo(f"Changed {name} of {user}")

    set_.__doc__ = f"Change a {WORDS[family_name]} of USER's; of one that others share, what only he sees."
    return set_


def _remove(family_name: str) -> Callable[..., None]:
    @click.argument("user")
    @click.argument("name", metavar=family_name.removesuffix("s").upper())
    @click.option("--with-objects", is_flag=True, help="Also where there is something in it.")
    @click.pass_obj
    def remove(context: Context, user: str, name: str, with_objects: bool) -> None:
        from mailserver.errors import WrongState
        from mailserver.groupware import homes
        from mailserver.store.collections import Family

        def write(tx: "Tx") -> None:
            user_id, seen = find(tx, user, family := Family(family_name), name)
            if seen.collection.members and not with_objects and not seen.is_shared_in:
                raise WrongState(f"{name} holds {seen.collection.members} objects; --with-objects removes them too")
            homes.remove(tx, user_id, family, seen.slug)

        context.run(lambda store: store.write(write))
        click.echo(f"Removed {name} of {user}")

    remove.__doc__ = f"Remove a {WORDS[family_name]} for good; one that others share leaves USER's home alone."
    return remove


_VERBS = {"list": _list, "add": _add, "set": _set, "remove": _remove, "share": share_of, "unshare": unshare_of}
for _group, _family in ((calendar, "calendars"), (addressbook, "addressbooks")):
    for _name, _verb in _VERBS.items():
        _group.command(_name)(_verb(_family))
for _outside in feeds.VERBS:
    calendar.add_command(_outside)
