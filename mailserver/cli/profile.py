"""`mailserver user profile`: what an account says of its person, and what the server does with its contacts."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mailserver.cli.context import Context
from mailserver.cli.output import json_option, show_fields

if TYPE_CHECKING:
    from mailserver.store.database import Rx, Tx

_CHOICES = {"on": True, "off": False, "default": None}
_NAMES = {value: name for name, value in _CHOICES.items()}


@click.command()
@click.argument("address")
@click.option("--display-name", help="The person's name; '' for none.")
@click.option("--locale", help="Language, such as en or de-AT; '' for none.")
@click.option("--timezone", help="Such as Europe/Vienna; '' for none.")
@click.option(
    "--avatar",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    help="A picture: PNG, JPEG or WebP of at most 256 KiB; it is on the account's card in the directory.",
)
@click.option("--no-avatar", is_flag=True, help="Take the picture away.")
@click.option(
    "--collect",
    type=click.Choice(list(_CHOICES)),
    help="Whether people it writes to are collected, for completion; default: contacts.collect.",
)
@click.option(
    "--birthdays",
    type=click.Choice(list(_CHOICES)),
    help="Whether it has a calendar of the birthdays in its contacts; default: contacts.birthdays.",
)
@json_option
@click.pass_obj
def profile(
    context: Context,
    address: str,
    display_name: str | None,
    locale: str | None,
    timezone: str | None,
    avatar: Path | None,
    no_avatar: bool,
    collect: str | None,
    birthdays: str | None,
    as_json: bool,
) -> None:
    """Show, or change, name, language, time zone and picture of an account."""
    from mailserver.store import profiles, users

    if avatar is not None and no_avatar:
        raise click.UsageError("--avatar and --no-avatar are opposites")
    picture = None if avatar is None else _read(avatar)

    def write(tx: "Tx") -> None:
        user_id = users.get(tx, address).id
        if display_name is not None:
            users.set_display_name(tx, address, display_name)
        if locale is not None:
            profiles.set_locale(tx, user_id, locale or None)
        if timezone is not None:
            profiles.set_timezone(tx, user_id, timezone or None)
        if picture is not None or no_avatar:
            profiles.set_avatar(tx, user_id, picture)
        if collect is not None:
            profiles.set_collects(tx, user_id, _CHOICES[collect])
        if birthdays is not None:
            profiles.set_shows_birthdays(tx, user_id, _CHOICES[birthdays])

    if no_avatar or any(each is not None for each in (display_name, locale, timezone, avatar, collect, birthdays)):
        context.run(lambda store: store.write(write))
    show_fields(context.run(lambda store: store.read(_shown, address)), as_json)


def _read(path: Path) -> bytes:
    """One octet more than is taken, so that what is too large is refused for that."""
    from mailserver.store.profiles import MAX_AVATAR_OCTETS

    with path.open("rb") as file:
        return file.read(MAX_AVATAR_OCTETS + 1)


def _shown(rx: "Rx", address: str) -> dict[str, Any]:
    from mailserver.store import correspondents, profiles, users

    found = profiles.get(rx, users.get(rx, address).id)
    return {
        "address": found.address,
        "display_name": found.display_name,
        "locale": found.locale,
        "timezone": found.timezone,
        "avatar": found.avatar_type,
        "collect": _NAMES[correspondents.choice(rx, found.user_id)],
        "birthdays": _NAMES[profiles.shows_birthdays(rx, found.user_id)],
    }
