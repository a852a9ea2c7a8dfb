r"""Plays POP3 dialogues: those of imap_player.py with POP3 sessions over the same house. What is different:

@config max_errors=3           fields of Pop3Config
@letter INBOX Subject: x\r\n   one message with these octets, Python's escapes undone
@remove 2                      another session removes the second message of INBOX
@has Trash 2                   so many messages are in the mailbox
@unseen INBOX 2                so many of them without \Seen
@drop                          the first client's line is lost
@rename Trash Bin              a mailbox
@delete Trash
@full                          the disk takes no more: every write fails from now on
"""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from enum import StrEnum
from itertools import count
from typing import Any

from mailserver.config.tree import Pop3Config
from mailserver.errors import InsufficientStorage
from mailserver.mail.flags import EMPTY
from mailserver.pop3.commands.table import COMMANDS
from mailserver.pop3.maildrops import Maildrops
from mailserver.pop3.session import Session, Surroundings
from tests.dialogues.imap_player import Player
from tests.dialogues.imap_world import ADDRESS, PASSWORD, Client, World

CONFIG = Pop3Config(allow_plain_auth=True)


class Pop3Player(Player):
    _around: Surroundings

    async def _open(self, settings: dict[str, str]) -> World:
        world = await World.open(self._prepared, self._data)
        house = world.around
        self._around = Surroundings(
            configured(settings), Maildrops(house.mailboxes), house.authenticator, house.live, house.tls, COMMANDS,
            count(1),
        )  # fmt: skip
        return world

    async def _client(self, who: str) -> Client:
        client = self._clients.get(who)
        if client is None:
            client = Client(
                lambda wire: Session(wire, self._around, offers_tls=False), self._read_size, self._peer, self._tls
            )
            self._clients[who] = client
            if not self._fresh:
                await client.send(f"USER {ADDRESS}\r\nPASS {PASSWORD}\r\n".encode())
                for _ in range(3):
                    assert (await client.line()).startswith(b"+OK")
        return client

    async def _direct(self, what: str, *arguments: str) -> None:
        mailboxes, user_id = self._world.mailboxes, self._world.user_id
        match what:
            case "letter":
                octets = " ".join(arguments[1:]).encode("latin-1").decode("unicode_escape").encode("latin-1")
                staged = await self._world.store.stage_bytes(octets)
                await mailboxes.append(user_id, arguments[0], staged, EMPTY, None)
            case "remove":
                index, _ = await mailboxes.select(user_id, "INBOX", claim_recent=False)
                await mailboxes.remove(index, [index.uids[int(arguments[0]) - 1]])
                mailboxes.release(index)
            case "has":
                assert (await mailboxes.status(user_id, arguments[0])).messages == int(arguments[1])
            case "unseen":
                assert (await mailboxes.status(user_id, arguments[0])).unseen == int(arguments[1])
            case "drop":
                await self._clients["1"].hang_up()
            case "rename":
                await mailboxes.rename(user_id, arguments[0], arguments[1])
            case "delete":
                await mailboxes.delete(user_id, arguments[0])
            case "full":
                self._world.store.write = _full  # type: ignore[method-assign]
            case _:
                await super()._direct(what, *arguments)


async def _full(*_: object) -> Any:
    await asyncio.sleep(0)
    raise InsufficientStorage


def configured(settings: dict[str, str]) -> Pop3Config:
    """Pop3Config with fields as a dialogue writes them."""
    return replace(CONFIG, **{name: _kind(getattr(CONFIG, name))(value) for name, value in settings.items()})


def _kind(default: object) -> Callable[[str], Any]:
    if isinstance(default, bool):
        return lambda text: text == "yes"
    return type(default) if isinstance(default, StrEnum | int | float) else str
