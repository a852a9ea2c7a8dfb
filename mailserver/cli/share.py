"""`mailserver share`: who may use whose mailboxes."""

from typing import TYPE_CHECKING

import click

from mailserver.cli.context import Context
from mailserver.cli.noun import Noun
from mailserver.cli.output import json_option, show_list

if TYPE_CHECKING:
    from mailserver.store.database import Rx, Tx

COLUMNS = ("mailbox", "who", "rights")


@click.group(cls=Noun)
def share() -> None:
    """Mailboxes shared with other users of the server, or with anyone.

    Rights are letters (RFC 4314): l see it, r read it, s mark as seen, w other flags, i put messages in, t delete,
    e expunge, k create below, x delete or rename the mailbox, a share it further. OWNER and WHO are addresses; WHO
    may be "anyone", and behind "-" the rights are taken away. The others find it below "Other Users".
    """


@share.command("set")
@click.argument("owner")
@click.argument("mailbox")
@click.argument("who")
@click.argument("letters", metavar="RIGHTS")
@click.pass_obj
def set_(context: Context, owner: str, mailbox: str, who: str, letters: str) -> None:
    """Give WHO these RIGHTS on OWNER's MAILBOX, in place of those there were."""
    from mailserver.errors import BadValue
    from mailserver.mail import rights

    try:
        given = rights.parse(letters)
    except ValueError as fault:
        raise BadValue(str(fault)) from None
    _grant(context, owner, mailbox, who, given)
    click.echo(f"{who} has {rights.text(given, virtual=False) or 'no rights'} on {mailbox} of {owner}")


@share.command()
@click.argument("owner")
@click.argument("mailbox")
@click.argument("who")
@click.pass_obj
def remove(context: Context, owner: str, mailbox: str, who: str) -> None:
    """Take back what WHO was given on OWNER's MAILBOX."""
    _grant(context, owner, mailbox, who, frozenset())
    click.echo(f"{mailbox} of {owner} is not shared with {who} any more")


@share.command("list")
@click.argument("owner")
@json_option
@click.pass_obj
def list_(context: Context, owner: str, as_json: bool) -> None:
    """What OWNER shares, and with whom."""

    def read(rx: "Rx") -> list[dict[str, str]]:
        from mailserver.mail import rights
        from mailserver.mailboxes import sharing
        from mailserver.store import mailboxes, users

        user_id = users.get(rx, owner).id
        shared = [mailbox for mailbox in mailboxes.list(rx, user_id) if mailbox.grants]
        return [
            {"mailbox": mailbox.name, "who": who, "rights": rights.text(given, virtual=False)}
            for mailbox in shared
            for who, given in sharing.lines(rx, user_id, mailbox.name)[1:]
        ]

    found = context.run(lambda store: store.read(read))
    show_list(
        COLUMNS, found, as_json, "Nothing is shared; share a mailbox: mailserver share set OWNER MAILBOX WHO RIGHTS"
    )


def _grant(context: Context, owner: str, mailbox: str, who: str, given: frozenset[str]) -> None:
    def write(tx: "Tx") -> None:
        from mailserver.errors import NoSuchMailbox
        from mailserver.mailboxes import sharing
        from mailserver.store import users

        try:
            sharing.grant(tx, users.get(tx, owner).id, mailbox, who, sharing.Change.REPLACE, given)
        except NoSuchMailbox:
            raise NoSuchMailbox(f"{owner} has no mailbox {mailbox!r}") from None

    context.run(lambda store: store.write(write))
