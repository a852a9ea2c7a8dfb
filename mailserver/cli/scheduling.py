"""`mailserver user scheduling`: what becomes of invitations that an account gets."""

from typing import TYPE_CHECKING, Any

import click

from mailserver.cli.context import Context
from mailserver.cli.output import json_option, show_fields

if TYPE_CHECKING:
    from mailserver.store.database import Rx, Tx

DEFAULT = "default"


@click.command()
@click.argument("address")
@click.option(
    "--invitations",
    type=click.Choice(["all", "known", "off", DEFAULT]),
    help="Which of those that come by mail go into the calendar; default: scheduling.invitations.",
)
@click.option(
    "--auto-reply",
    type=click.Choice(["off", "accept", "automatic"]),
    help="accept: where it is free; automatic: also declined where it is busy, for rooms.",
)
@json_option
@click.pass_obj
def scheduling(context: Context, address: str, invitations: str | None, auto_reply: str | None, as_json: bool) -> None:
    """Show, or change, what the server does with invitations of an account."""

    def write(tx: "Tx") -> None:
        from dataclasses import replace

        from mailserver.config.tree import Invitations
        from mailserver.store import scheduling_settings, users
        from mailserver.store.scheduling_settings import AutoReply

        user_id = users.get(tx, address).id
        settings = scheduling_settings.get(tx, user_id)
        if invitations is not None:
            chosen = None if invitations == DEFAULT else Invitations(invitations)
            settings = replace(settings, invitations=chosen)
        if auto_reply is not None:
            settings = replace(settings, auto_reply=AutoReply(auto_reply))
        scheduling_settings.set(tx, user_id, settings)

    if invitations is not None or auto_reply is not None:
        context.run(lambda store: store.write(write))
    show_fields(context.run(lambda store: store.read(_shown, address)), as_json)


def _shown(rx: "Rx", address: str) -> dict[str, Any]:
    from mailserver.store import scheduling_settings, users

    user = users.get(rx, address)
    settings = scheduling_settings.get(rx, user.id)
    return {
        "address": user.address,
        "invitations": DEFAULT if settings.invitations is None else settings.invitations.value,
        "auto_reply": settings.auto_reply.value,
    }
