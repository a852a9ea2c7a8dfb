"""A mailbox of 100,000 messages and ten changes: a client that was away is sent these and nothing else."""

import asyncio
import re
from pathlib import Path

from mailserver.store import mailboxes
from mailserver.store.database import Tx
from tests.dialogues.imap_world import Client, World, prepare

MESSAGES = 100_000
FLAGGED = range(1000, 8001, 1000)  # eight of them
REMOVED = (5, 99_990)
OCTETS = 1200  # 8 FETCH lines, VANISHED and what every SELECT tells


def fill(tx: Tx, user_id: int) -> None:
    """Copies of the one message that is there, without files: nothing here opens any."""
    inbox = mailboxes.get(tx, user_id, "INBOX")
    tx.run(
        """WITH RECURSIVE n(i) AS (SELECT 2 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
           INSERT INTO messages (mailbox_id, uid, maildir_key, size, internal_date, flags, subject, from_address,
               to_addresses, created_at, content_id, modseq, thread_id, saved_at, name_flags)
           SELECT mailbox_id, i, maildir_key || i, size, internal_date, flags, subject, from_address, to_addresses,
               created_at, content_id, modseq, thread_id, saved_at, name_flags FROM messages, n WHERE mailbox_id = ?""",
        MESSAGES,
        inbox.id,
    )
    tx.run("UPDATE mailboxes SET uidnext = ? WHERE id = ?", MESSAGES + 1, inbox.id)


async def command(client: Client, text: str) -> bytes:
    """Everything that is answered."""
    tag = text.split(maxsplit=1)[0].encode()
    await client.send(text.encode() + b"\r\n")
    answer = b""
    while not answer.rpartition(b"\r\n")[0].rpartition(b"\r\n")[2].startswith(tag + b" "):
        line = await client.line()
        assert line != b"<closed>"
        answer += line + b"\r\n"
    return answer


async def login(world: World) -> Client:
    client = world.connect(0)
    await client.line()
    await command(client, 'a LOGIN ann@example.test "correct horse"')
    await command(client, "b ENABLE QRESYNC")
    return client


def number(pattern: bytes, answer: bytes) -> int:
    found = re.search(pattern, answer)
    assert found is not None
    return int(found[1])


async def test_ten_changes_among_a_hundred_thousand_messages_cost_their_own_octets(tmp_path: Path) -> None:
    await prepare(tmp_path / "prepared")
    async with await World.open(tmp_path / "prepared", tmp_path / "data") as world:
        await world.deliver("INBOX")
        await world.store.write(fill, world.user_id)
        away, other = await login(world), await login(world)
        before = await command(away, "c SELECT INBOX")
        validity, modseq = number(rb"UIDVALIDITY (\d+)", before), number(rb"HIGHESTMODSEQ (\d+)", before)
        await command(away, "d UNSELECT")
        await command(other, "c SELECT INBOX")
        for place, uid in enumerate(FLAGGED):
            await command(other, f"d{place} UID STORE {uid} +FLAGS.SILENT (\\Flagged)")
        await command(other, "e UID STORE {},{} +FLAGS.SILENT (\\Deleted)".format(*REMOVED))
        await command(other, "f EXPUNGE")
        await asyncio.sleep(0)
        after = await command(away, f"g SELECT INBOX (QRESYNC ({validity} {modseq} 1:{MESSAGES}))")
        assert b"* VANISHED (EARLIER) 5,99990\r\n" in after
        changed = [int(uid) for uid in re.findall(rb"FETCH \(UID (\d+) ", after)]
        assert changed == [*FLAGGED]
        assert len(after) <= OCTETS
        again = await command(away, f"h UID FETCH 1:* (FLAGS) (CHANGEDSINCE {modseq} VANISHED)")
        assert again.count(b"\r\n") == len(FLAGGED) + 2
        for client in (away, other):
            await client.hang_up()
