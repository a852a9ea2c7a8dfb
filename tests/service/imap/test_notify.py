"""NOTIFY where more happens than is read."""

from pathlib import Path

from mailserver.imap.watch import MAX_UNTOLD
from mailserver.mail.flags import EMPTY
from mailserver.store import mailboxes, messages
from mailserver.store.database import Tx
from mailserver.store.staging import Staged
from tests.dialogues.imap_world import Client, World, prepare


async def logged_in(world: World) -> Client:
    client = world.connect(0)
    await client.line()
    await client.send(b'a LOGIN ann@example.test "correct horse"\r\n')
    assert (await client.line()).startswith(b"a OK")
    return client


def make(tx: Tx, user_id: int) -> list[int]:
    return [mailboxes.add(tx, user_id, f"m{number:03}").id for number in range(MAX_UNTOLD + 1)]


def deliver(tx: Tx, ids: list[int], staged: Staged) -> None:
    for mailbox_id in ids:
        messages.add(tx, mailbox_id, staged, EMPTY, 1_772_359_200)


async def test_too_much_at_once_ends_notifications_and_says_so(tmp_path: Path) -> None:
    await prepare(tmp_path / "prepared")
    async with await World.open(tmp_path / "prepared", tmp_path / "data") as world:
        ids = await world.store.write(make, world.user_id)
        client = await logged_in(world)
        await client.send(b"b NOTIFY SET (PERSONAL (MessageNew MessageExpunge))\r\n")
        assert (await client.line()).startswith(b"b OK")
        staged = await world.store.stage_bytes(b"Subject: to all\r\n\r\nhello\r\n")
        await world.store.write(deliver, ids[:-1], staged)
        told = [await client.line() for _ in ids[:-1]]
        assert all(line.startswith(b"* STATUS m") for line in told)
        again = await world.store.stage_bytes(b"Subject: to all\r\n\r\nhello again\r\n")
        await world.store.write(deliver, ids, again)
        assert (await client.line()).startswith(b"* OK [NOTIFICATIONOVERFLOW] ")
        await world.deliver("INBOX")
        await client.send(b"c NOOP\r\n")
        assert (await client.line()).startswith(b"c OK")
        await client.hang_up()
