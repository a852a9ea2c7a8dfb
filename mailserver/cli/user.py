"""`mailserver user`: accounts."""

import secrets
from typing import TYPE_CHECKING, Any

import click

from mailserver.cli.context import Context
from mailserver.cli.noun import Noun
from mailserver.cli.output import json_option, octets, show_fields, show_list
from mailserver.cli.password import read_password, stdin_option
from mailserver.cli.profile import profile
from mailserver.cli.scheduling import scheduling
from mailserver.cli.sending_limits import DEFAULT, chosen_limit, limit_words, per_hour_option, shown_limit
from mailserver.cli.sizes import SIZE
from mailserver.cli.times import moment

if TYPE_CHECKING:
    from mailserver.auth.new_passwords import NewPassword
    from mailserver.store.database import Rx
    from mailserver.store.store import Store
    from mailserver.store.users import User

COLUMNS = ("address", "name", "active", "admin", "quota", "used", "created")


@click.group(cls=Noun)
def user() -> None:
    """Accounts. A deleted one can be restored until it is purged (store.purge_days)."""


@user.command()
@click.argument("address")
@stdin_option
@click.option("--name", default="", help="The person's name.")
@click.option(
    "--quota", type=SIZE, help="Room for mail, such as 2G; 0: no limit.  [default: store.default_quota_bytes]"
)
@click.option(
    "--messages",
    type=click.IntRange(0),
    help="How many messages; 0: no limit.  [default: store.default_quota_messages]",
)
@click.option("--admin", is_flag=True, help="May change the accounts of others.")
@click.pass_obj
def add(
    context: Context,
    address: str,
    password_stdin: bool,
    name: str,
    quota: int | None,
    messages: int | None,
    admin: bool,
) -> None:
    """Add an account with the usual mailboxes; the domain must be there."""
    from mailserver.store import users

    config = context.loaded().config
    if not password_stdin:
        context.run(lambda store: store.read(_require_free, address))  # before anybody types
    password = read_password(password_stdin)
    room = config.store.default_quota_bytes if quota is None else quota
    number = config.store.default_quota_messages if messages is None else messages

    async def write(store: "Store") -> "User":
        new = await _prepared(context, store, address, password)
        return await store.write(
            users.add,
            address,
            new.hash,
            scram=new.scram,
            display_name=name,
            quota_bytes=room,
            quota_messages=number,
            is_admin=admin,
        )

    added = context.run(write)
    click.echo(f"Added {added.address}")


user.add_command(profile)
user.add_command(scheduling)


@user.command("list")
@click.option("--domain", help="Of this domain only.")
@click.option("--deleted", is_flag=True, help="Those that can be restored instead.")
@json_option
@click.pass_obj
def list_(context: Context, domain: str | None, deleted: bool, as_json: bool) -> None:
    """All accounts by address."""
    from mailserver.store import users

    found = context.run(lambda store: store.read(users.list, domain, deleted=deleted))
    rows = [_fields(item) if as_json else _for_people(item) for item in found]
    columns = (*COLUMNS, "deleted") if deleted else COLUMNS
    show_list(columns, rows, as_json, "No users; add one: mailserver user add ADDRESS")


@user.command()
@click.argument("address")
@json_option
@click.pass_obj
def show(context: Context, address: str, as_json: bool) -> None:
    """One account."""
    from mailserver.store import quota, sent_copies, submissions, users

    def read(rx: "Rx") -> "tuple[User, int, dict[str, Any]]":
        found = users.get(rx, address)
        sending = {
            "recipients_per_hour": shown_limit(submissions.own_limit(rx, found.id)),
            "sent_copies": sent_copies.choice(rx, found.id) or DEFAULT,
        }
        return found, quota.get(rx, found.id).messages, sending

    found, messages, sending = context.run(lambda store: store.read(read))
    show_fields(
        {
            **(_fields(found) if as_json else _for_people(found)),
            "messages": messages,
            "may_log_in": found.may_log_in,
            "maildir": found.maildir,
            "imap_without": list(found.imap_without),
            **sending,
        },
        as_json,
    )


@user.command()
@click.argument("address")
@stdin_option
@click.pass_obj
def passwd(context: Context, address: str, password_stdin: bool) -> None:
    """Give a new password; the old one is good for nothing at once."""
    from mailserver.store import users

    context.run(lambda store: store.read(users.get, address))  # before anybody types
    password = read_password(password_stdin)

    async def write(store: "Store") -> None:
        new = await _prepared(context, store, address, password)
        await store.write(users.set_password, address, new.hash, new.scram)

    context.run(write)
    click.echo(f"New password for {address}")


@user.command("set")
@click.argument("address")
@click.option("--without", help="IMAP capabilities its clients do better without, such as CONDSTORE,IDLE; '' for none.")
@click.option(
    "--sent-copies",
    type=click.Choice(["off", "on", "dedupe", "default"]),
    help="Whether what it sends is copied into Sent; default: submission.sent_copies.",
)
@per_hour_option("smtp.submission_per_hour")
@click.pass_obj
def set_(
    context: Context, address: str, without: str | None, sent_copies: str | None, per_hour: int | str | None
) -> None:
    """Change what an account's clients are told (sessions keep to what they began with) and how it may send."""
    from mailserver.cli.capability_names import require_known
    from mailserver.store import users
    from mailserver.store.database import Tx

    if without is None and sent_copies is None and per_hour is None:
        raise click.UsageError("Nothing to set; see --help")
    names = [name for name in (without or "").upper().replace(",", " ").split() if name]
    require_known(names)

    def write(tx: Tx) -> None:
        if without is not None:
            users.set_imap_without(tx, address, names)
        if sent_copies is not None:
            users.set_sent_copies(tx, address, None if sent_copies == DEFAULT else sent_copies)
        if per_hour is not None:
            users.set_submissions_per_hour(tx, address, chosen_limit(per_hour))

    context.run(lambda store: store.write(write))
    if without is not None:
        click.echo(f"{address} does without {', '.join(names)}" if names else f"{address} has all capabilities")
    if sent_copies is not None:
        click.echo(f"Copies in Sent for {address}: {sent_copies}")
    if per_hour is not None:
        click.echo(f"{address} may send to {limit_words(per_hour)}")


@user.command()
@click.argument("address")
@click.option("--revoke", is_flag=True, help="Take it back.")
@click.pass_obj
def admin(context: Context, address: str, revoke: bool) -> None:
    """Let the account change those of its domain: their quotas, what the server tells everybody."""
    from mailserver.store import users

    context.run(lambda store: store.write(users.set_admin, address, not revoke))
    click.echo(f"{address} is {'no administrator any more' if revoke else 'an administrator'}")


@user.command()
@click.argument("address")
@click.pass_obj
def disable(context: Context, address: str) -> None:
    """Refuse its mail and its logins; sessions end at once. Nothing is deleted."""
    _set_active(context, address, False)
    click.echo(f"Disabled {address}")


@user.command()
@click.argument("address")
@click.pass_obj
def enable(context: Context, address: str) -> None:
    """Take back `disable`."""
    _set_active(context, address, True)
    click.echo(f"Enabled {address}")


@user.command()
@click.argument("address")
@click.pass_obj
def delete(context: Context, address: str) -> None:
    """Delete the account; `restore` brings it back with its mail."""
    from mailserver.store import users

    context.run(lambda store: store.write(users.remove, address))
    days = context.loaded().config.store.purge_days
    click.echo(f"Deleted {address}; for {days} days 'mailserver user restore {address}' brings it back")


@user.command()
@click.argument("address")
@click.pass_obj
def restore(context: Context, address: str) -> None:
    """Bring back a deleted account with its mail."""
    from mailserver.store import users

    context.run(lambda store: store.write(users.restore, address))
    click.echo(f"Restored {address}")


@user.command()
@click.argument("address")
@click.argument("size", type=SIZE, required=False)
@click.option("--messages", type=click.IntRange(0), help="Set how many messages may be kept; 0: no limit.")
@click.option("--recount", is_flag=True, help="Add up the messages again; repairs a count that drifted.")
@json_option
@click.pass_obj
def quota(context: Context, address: str, size: int | None, messages: int | None, recount: bool, as_json: bool) -> None:
    """Show the room and what is used of it; SIZE (2G, 500M; 0: no limit) sets it."""
    from mailserver.store import users
    from mailserver.store.database import Rx, Tx

    def write(tx: Tx) -> dict[str, Any]:
        if size is not None:
            users.set_quota(tx, address, size)
        if messages is not None:
            users.set_quota_messages(tx, address, messages)
        corrected = {"corrected_bytes": users.recount(tx, address)} if recount else {}
        return _room(tx, address) | corrected

    def read(rx: Rx) -> dict[str, Any]:
        return _room(rx, address)

    changes = size is not None or messages is not None or recount
    fields = context.run(lambda store: store.write(write) if changes else store.read(read))
    if not as_json:
        fields = _room_for_people(fields)
    show_fields(fields, as_json)


def _room_for_people(fields: dict[str, Any]) -> dict[str, Any]:
    """The names `user show` uses, with room for corrections where some were asked for."""
    limit, corrected = fields["quota_bytes"], fields.get("corrected_bytes")
    return {
        "address": fields["address"],
        "quota": octets(limit) if limit else "no limit",
        "used": octets(fields["used_bytes"]),
        "quota in messages": fields["quota_messages"] or "no limit",
        "messages": fields["messages"],
        **({} if corrected is None else {"corrected by": f"{corrected} octets"}),
    }


def _room(rx: "Rx", address: str) -> dict[str, Any]:
    from mailserver.store import quota, users

    found = users.get(rx, address)
    room = quota.get(rx, found.id)
    return {
        "address": found.address,
        "used_bytes": room.used_octets,
        "quota_bytes": room.limit_octets,
        "messages": room.messages,
        "quota_messages": room.limit_messages,
    }


def _require_free(rx: "Rx", address: str) -> None:
    from mailserver.errors import AlreadyThere
    from mailserver.store import domains, users

    if users.find(rx, address) is not None:
        raise AlreadyThere(f"The user {address} exists")
    domains.get(rx, address.rpartition("@")[2])


async def _prepared(context: Context, store: "Store", address: str, password: str) -> "NewPassword":
    from mailserver.auth import new_passwords

    return await new_passwords.prepare(store, context.loaded().config.auth, address, password, secrets.token_bytes)


def _set_active(context: Context, address: str, active: bool) -> None:
    from mailserver.store import users

    context.run(lambda store: store.write(users.set_active, address, active))


def _fields(item: "User") -> dict[str, Any]:
    return {
        "address": item.address,
        "name": item.display_name,
        "active": item.is_active,
        "admin": item.is_admin,
        "quota_bytes": item.quota_bytes or None,
        "used_bytes": item.used_bytes,
        "created": item.created_at,
        **({"deleted": moment(item.deleted_at)} if item.deleted_at else {}),
    }


def _for_people(item: "User") -> dict[str, Any]:
    fields = _fields(item)
    limit, used = fields.pop("quota_bytes"), fields.pop("used_bytes")
    return fields | {"quota": octets(limit) if limit else "no limit", "used": octets(used)}
