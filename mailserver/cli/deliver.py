"""`mailserver deliver`: a message from standard input into mailboxes, without SMTP; for scripts and cron."""

import sys
from collections.abc import Iterator
from typing import BinaryIO

import click

from mailserver.cli.context import Context
from mailserver.errors import NoSuchUser, TooBig

PIECE_OCTETS = 1 << 16


@click.command()
@click.option("--to", "recipient", required=True, metavar="ADDRESS", help="A user or alias here.")
@click.option("--from", "sender", default="", metavar="ADDRESS", help="For Return-Path; empty for notifications.")
@click.option("--mailbox", default="INBOX", show_default=True, help="Of the user; it must be there.")
@click.pass_obj
def deliver(context: Context, recipient: str, sender: str, mailbox: str) -> None:
    """Put the message on standard input into the mailbox of a user, durably, before this returns.

    Line ends become CRLF. A full mailbox gives exit code 75: try again later.
    """
    from mailserver.mail.flags import EMPTY
    from mailserver.store import delivery_log, mailboxes, messages, names, quota, recipients
    from mailserver.store.database import Tx
    from mailserver.store.delivery_log import Delivery, Outcome
    from mailserver.store.store import Store
    from mailserver.text import join_address

    config = context.loaded().config
    return_path = join_address(*names.address(sender)) if sender else ""

    async def work(store: Store) -> recipients.Resolved:
        hostname, depth = config.server.hostname, config.delivery.max_alias_depth
        found = await store.read(recipients.resolve, recipient, hostname, depth)
        if found is None or not found.local:
            raise NoSuchUser(f"No such user here: {recipient}")
        async with store.incoming() as incoming:
            for piece in crlf(sys.stdin.buffer):
                await incoming.write(piece)
                if incoming.size > config.smtp.max_message_octets:
                    raise TooBig(f"The message is larger than {config.smtp.max_message_octets} octets")
            staged = await store.stage(incoming, f"Return-Path: <{return_path}>\r\n".encode())

        def add(tx: Tx) -> None:
            for each in found.local:
                quota.require_room(tx, each.user_id, staged.size)
                box = mailboxes.get(tx, each.user_id, mailbox)
                messages.add(tx, box.id, staged, EMPTY, tx.now_ms // 1000)
                name = staged.detail.message_id or None
                delivery_log.add(tx, Delivery(name, return_path, each.address, Outcome.DELIVERED))

        try:
            await store.write(add)
        except BaseException:
            await store.unstage(staged)
            raise
        return found

    found = context.run(work)
    click.echo(f"Delivered to {', '.join(each.address for each in found.local)}")
    if found.remote:
        click.echo(
            f"mailserver: not forwarded to {', '.join(found.remote)}: deliver only reaches mailboxes here", err=True
        )


def crlf(source: BinaryIO) -> Iterator[bytes]:
    """The octets with every line end as CRLF, without the "From " line of an mbox."""
    after_cr = False
    first = source.readline(PIECE_OCTETS)
    rest = iter(lambda: source.read(PIECE_OCTETS), b"")
    for piece in ([] if first.startswith(b"From ") else [first]) if first else []:
        yield _ended(piece, after_cr)
        after_cr = piece.endswith(b"\r")
    for piece in rest:
        yield _ended(piece, after_cr)
        after_cr = piece.endswith(b"\r")


def _ended(piece: bytes, after_cr: bool) -> bytes:
    """A bare LF gets its CR; the LF of a CRLF that was cut in two has it."""
    head, rest = (piece[:1], piece[1:]) if after_cr and piece[:1] == b"\n" else (b"", piece)
    return head + rest.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")
