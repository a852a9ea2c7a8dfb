"""LIST with STATUS of hundreds of mailboxes says of each what STATUS itself says. RFC 5819."""

from pathlib import Path

from tests.dialogues.imap_world import Client, World, prepare

MAILBOXES = 200
ITEMS = b"(MESSAGES UNSEEN UIDNEXT UIDVALIDITY DELETED SIZE HIGHESTMODSEQ MAILBOXID)"


async def answered(client: Client, tag: bytes, command: bytes) -> list[bytes]:
    await client.send(b"%b %b\r\n" % (tag, command))
    lines = []
    while not (line := await client.line()).startswith(tag + b" "):
        lines.append(line)
    assert line.startswith(tag + b" OK"), line
    return lines


async def test_list_with_status_is_equal_to_status(tmp_path: Path) -> None:
    await prepare(tmp_path / "prepared")
    async with await World.open(tmp_path / "prepared", tmp_path / "data") as world:
        for number in range(MAILBOXES):
            await world.mailboxes.create(world.user_id, f"Many/{number}")
        for number in range(20):
            await world.deliver(f"Many/{number}", number, ("\\Seen",) if number % 2 else ("\\Deleted",))
        client = world.connect(0)
        await client.line()
        await answered(client, b"a", b'LOGIN ann@example.test "correct horse"')
        lines = await answered(client, b"b", b'LIST "" Many/* RETURN (STATUS %b)' % ITEMS)
        listed = [line for line in lines if line.startswith(b"* LIST")]
        told = {line.split()[2]: line for line in lines if line.startswith(b"* STATUS")}
        assert len(listed) == len(told) == MAILBOXES
        for name, line in told.items():
            assert await answered(client, b"c", b"STATUS %b %b" % (name, ITEMS)) == [line]
        await client.hang_up()
