"""`mailserver token`: app passwords and bearer tokens, one for each device."""

import re
import secrets
from typing import TYPE_CHECKING, Any

import click

from mailserver.cli.context import Context
from mailserver.cli.noun import Noun
from mailserver.cli.output import json_option, show_json, show_list
from mailserver.cli.times import moment

if TYPE_CHECKING:
    from mailserver.store.tokens import Token

COLUMNS = ("address", "name", "scope", "created", "expires", "last_used", "last_used_from")
MAX_DAYS = 36_500

_AGE = re.compile(r"(\d{1,5})\s*([hdwy])?", re.IGNORECASE)
_HOURS = {"h": 1, "d": 24, "w": 7 * 24, "y": 365 * 24}


class Age(click.ParamType[int]):
    """90d, 12h, 4w, 1y; a bare number is days. In milliseconds."""

    name = "age"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        match = _AGE.fullmatch(str(value).strip())
        hours = int(match[1]) * _HOURS[(match[2] or "d").lower()] if match else 0
        if not 0 < hours <= MAX_DAYS * 24:
            self.fail(f"{value!r} is not a time such as 90d, 12h, 4w or 1y", param, ctx)
        return hours * 3_600_000


class Scope(click.ParamType[tuple[str, ...]]):
    """Protocols, parted by commas."""

    name = "protocols"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        return tuple(word for word in re.split(r"[,\s]+", str(value).strip().lower()) if word)


@click.group(cls=Noun)
def token() -> None:
    """Access tokens: what a device logs in with instead of the account's password, and loses when it is lost."""


@token.command()
@click.argument("address")
@click.option("--name", required=True, help='What it is for, such as "Phone".')
@click.option("--expires", type=Age(), help="How long it is good for, such as 90d.  [default: until it is removed]")
@click.option("--scope", type=Scope(), default="", help="Protocols it is good for: imap,smtp,pop3,dav.  [default: all]")
@json_option
@click.pass_obj
def add(context: Context, address: str, name: str, expires: int | None, scope: tuple[str, ...], as_json: bool) -> None:
    """Print a new token, once: it can not be shown again.

    It goes where a mail program asks for the password, or as an OAuth bearer token (OAUTHBEARER, XOAUTH2).
    """
    from mailserver.auth import tokens
    from mailserver.store.store import Store

    async def make(store: Store) -> str:
        now_ms = int(store.clock.now().timestamp() * 1000)
        new = tokens.NewToken(address, name, scope, now_ms + expires if expires else None)
        return await tokens.make(store, new, secrets.token_bytes)

    made = context.run(make)
    if as_json:
        show_json({"address": address, "name": name, "token": made})
    else:
        click.echo(made)


@token.command("list")
@click.argument("address", required=False)
@json_option
@click.pass_obj
def list_(context: Context, address: str | None, as_json: bool) -> None:
    """Tokens of an account, or of all; never the tokens themselves."""
    from mailserver.store import tokens

    found = context.run(lambda store: store.read(tokens.list, address))
    empty = 'No tokens; make one: mailserver token add ADDRESS --name "Phone"'
    show_list(COLUMNS, [_fields(item) for item in found], as_json, empty)


@token.command()
@click.argument("address")
@click.argument("name")
@click.pass_obj
def remove(context: Context, address: str, name: str) -> None:
    """Take a token back: it is good for nothing at once, and sessions opened with it end."""
    from mailserver.store import tokens

    context.run(lambda store: store.write(tokens.remove, address, name))
    click.echo(f"Removed {name} of {address}")


def _fields(item: "Token") -> dict[str, Any]:
    return {
        "address": item.address,
        "name": item.name,
        "scope": list(item.scope) or "all",
        "created": moment(item.created_at),
        "expires": moment(item.expires_at) or None,
        "last_used": moment(item.last_used_at) or None,
        "last_used_from": item.last_used_from,
    }
