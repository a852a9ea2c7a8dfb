"""Results that are kept up to date cost memory for each message in them: there is a bound on all of a session."""

from pathlib import Path

import pytest

from mailserver.imap import contexts
from tests.dialogues.imap_world import ADDRESS, PASSWORD, Client, World, prepare


async def ask(client: Client, tag: str, text: str) -> list[bytes]:
    await client.send(f"{tag} {text}\r\n".encode())
    lines = [await client.line()]
    while not lines[-1].startswith(f"{tag} ".encode()):
        lines.append(await client.line())
    assert lines[-1].startswith(f"{tag} OK".encode()), lines[-1]
    return lines


async def test_a_result_too_many_messages_is_answered_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(contexts, "MAX_KEPT", 5)
    await prepare(tmp_path / "prepared")
    async with await World.open(tmp_path / "prepared", tmp_path / "data") as world:
        await world.deliver("INBOX", 2)
        client = world.connect(0)
        await client.line()
        await ask(client, "a", f'LOGIN {ADDRESS} "{PASSWORD}"')
        await ask(client, "b", "SELECT INBOX")
        kept = [await ask(client, tag, "SEARCH RETURN (UPDATE COUNT) ALL") for tag in ("c", "d", "e")]
        assert [any(b"NOUPDATE" in line for line in lines) for lines in kept] == [False, False, True]
        assert b'* ESEARCH (TAG "e") COUNT 2' in kept[2]
        await ask(client, "f", 'CANCELUPDATE "c"')
        assert not any(b"NOUPDATE" in line for line in await ask(client, "g", "SEARCH RETURN (UPDATE COUNT) ALL"))
        await client.hang_up()
