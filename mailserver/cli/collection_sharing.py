"""`share` and `unshare` of calendars and address books: who else sees them."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import click

from mailserver.cli.collection_choice import WORDS, find
from mailserver.cli.context import Context

if TYPE_CHECKING:
    from mailserver.store.database import Tx


def share_of(family_name: str) -> Callable[..., None]:
    @click.argument("user")
    @click.argument("name", metavar=family_name.removesuffix("s").upper())
    @click.argument("who")
    @click.option("--write", "may_write", is_flag=True, help="WHO may change it too.")
    @click.pass_obj
    def share(context: Context, user: str, name: str, who: str, may_write: bool) -> None:
        from mailserver.groupware import sharing
        from mailserver.store.collections import Family

        def write(tx: "Tx") -> str:
            user_id, seen = find(tx, user, family := Family(family_name), name)
            config = context.loaded().config.dav
            return sharing.share(tx, user_id, family, seen.slug, who, may_write, config).slug

        slug = context.run(lambda store: store.write(write))
        click.echo(f"{who} has {name} of {user} as {slug}, to read{' and write' if may_write else ''}")

    share.__doc__ = f"Let WHO see a {WORDS[family_name]} of USER's; again with other rights to change them."
    return share


def unshare_of(family_name: str) -> Callable[..., None]:
    @click.argument("user")
    @click.argument("name", metavar=family_name.removesuffix("s").upper())
    @click.argument("who")
    @click.pass_obj
    def unshare(context: Context, user: str, name: str, who: str) -> None:
        from mailserver.groupware import sharing
        from mailserver.store.collections import Family

        def write(tx: "Tx") -> None:
            user_id, seen = find(tx, user, family := Family(family_name), name)
            sharing.unshare(tx, user_id, family, seen.slug, who)

        context.run(lambda store: store.write(write))
        click.echo(f"{name} of {user} is not shared with {who} any more")

    unshare.__doc__ = f"Take a {WORDS[family_name]} of USER's back from WHO."
    return unshare
