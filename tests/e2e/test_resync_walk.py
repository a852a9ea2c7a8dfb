"""A client that was away comes back to exactly what is, from every state it ever had, also after a kill and a start."""

import re
from pathlib import Path

import pytest

from tests.believer import Believer, State, vanished
from tests.clients import ImapClient, SmtpClient
from tests.daemon import Demo, free_port_base, start_demo

TEXT = b"Subject: %d\r\n\r\nbody\r\n"
MODES = ("--relaxed", "--plain-auth")

# What happens between two states; "Archive" is selected.
WALK = (
    ("APPEND",) * 6,
    ("UID STORE 1:2 +FLAGS.SILENT (\\Seen)",),
    ("UID STORE 3 +FLAGS.SILENT (\\Deleted)", "EXPUNGE"),
    ("APPEND", "UID STORE 7 +FLAGS.SILENT ($Work \\Flagged)"),
    ("UID MOVE 1 Trash",),
    ("UID COPY 2 Archive", "UID STORE 2 -FLAGS.SILENT (\\Seen)"),
    ("UID STORE 4:5 +FLAGS.SILENT (\\Deleted)", "UID EXPUNGE 5"),
    ("APPEND", "UID STORE 9 +FLAGS.SILENT (\\Deleted)", "CLOSE", "SELECT Archive"),
)


async def come_in(demo: Demo, *dialect: str) -> Believer:
    user = demo.users[0]
    believer = Believer(await ImapClient.login(demo.port("imap"), user.email, user.password), dialect)
    await believer.begin()
    return believer


async def look(demo: Demo) -> State:
    """The mailbox as a client sees it that asks for everything."""
    one = await come_in(demo, "QRESYNC")
    await one.select("Archive")
    if one.uids:
        await one.command("UID FETCH 1:* (UID FLAGS)")
    state = one.state()
    await one.client.close()
    return state


async def assert_comes_back(demo: Demo, states: list[State], dialect: tuple[str, ...]) -> None:
    now = await look(demo)
    for state in states:
        one = await come_in(demo, *dialect)
        lines = await one.client.command(f"SELECT Archive (QRESYNC ({state.uidvalidity} {state.modseq}))")
        gone = {uid for line in lines for uid in vanished(line)}
        told = {int(found[1]) for line in lines if (found := re.search(rb"FETCH \(UID (\d+) ", line))}
        assert state.flags.keys() - now.flags.keys() <= gone
        assert gone.isdisjoint(now.flags)
        assert {uid for uid, flags in now.flags.items() if state.flags.get(uid) != flags} <= told <= now.flags.keys()
        if state.modseq == now.modseq:
            assert not gone and not told
        again = await come_in(demo, *dialect)
        await again.select("Archive", state)
        assert again.state().flags == now.flags
        assert again.modseq == now.modseq
        for believer in (one, again):
            await believer.client.close()


@pytest.mark.parametrize("dialect", [("QRESYNC",), ("QRESYNC", "UIDONLY"), ("QRESYNC", "IMAP4rev2")], ids=len)
async def test_every_state_leads_to_the_present(
    tmp_path_factory: pytest.TempPathFactory, dialect: tuple[str, ...]
) -> None:
    folder: Path = tmp_path_factory.mktemp("walk") / "var"
    base = free_port_base()
    demo = start_demo(folder, *MODES, base=base)
    try:
        writer = await come_in(demo)
        await writer.command("SELECT Archive")
        states = [await look(demo)]
        for place, commands in enumerate(WALK):
            for command in commands:
                if command == "APPEND":
                    await writer.client.command("APPEND Archive", TEXT % place)
                else:
                    await writer.client.command(command)
            states.append(await look(demo))
            await assert_comes_back(demo, states, dialect)
        await writer.client.close()
        demo.kill()
        demo = start_demo(folder, *MODES, base=base)
        await assert_comes_back(demo, states, dialect)
    finally:
        demo.stop()


async def test_mail_from_outside_is_told_by_notify_without_a_command(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    demo = start_demo(tmp_path_factory.mktemp("notify") / "var", *MODES)
    try:
        one, user = await come_in(demo), demo.users[0]
        await one.client.command("SELECT Archive")
        await one.client.command(
            "NOTIFY SET (SELECTED (MessageNew MessageExpunge)) (PERSONAL (MessageNew MessageExpunge))"
        )
        async with await SmtpClient.connect(demo.port("smtp")) as smtp:
            await smtp.send("someone@elsewhere.example", [user.email], b"Subject: hello\r\n\r\nworld\r\n")
        assert (await one.client.line()).startswith(b"* STATUS INBOX (MESSAGES ")
        await one.client.close()
    finally:
        demo.stop()
