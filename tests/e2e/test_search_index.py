"""The text index in a running server: what was just sent is found, a kill and a rebuild change no answer."""

import asyncio
import json
import subprocess
import sys
from pathlib import Path

from tests.clients import ImapClient, SmtpClient
from tests.daemon import Demo, running_demo, start_demo, wait_until

MESSAGES = 150


def index(demo: Demo, *words: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "mailserver", "--data", str(demo.folder), "index", *words]
    return subprocess.run(command, check=False, capture_output=True, text=True)


def behind(demo: Demo) -> int:
    found = index(demo, "status", "--json")
    return int(json.loads(found.stdout)["behind"])


async def sent(demo: Demo, first: int, last: int) -> None:
    async with await SmtpClient.connect(demo.port("smtp")) as client:
        for number in range(first, last):
            text = b"Subject: letter\r\n\r\nit says secretword%d.\r\n" % number
            await client.send("a@peer.test", [demo.users[0].email], text)


async def found(demo: Demo, *needles: str) -> list[int]:
    """How many messages of the inbox have each of them."""
    user = demo.users[0]
    async with await ImapClient.login(demo.port("imap"), user.email, user.password) as client:
        await client.command("SELECT INBOX")
        answers = [await client.command(f"SEARCH RETURN (COUNT) BODY {needle}") for needle in needles]
    return [int(lines[0].split()[-1]) for lines in answers]


def test_messages_are_found_at_once_and_after_a_kill_and_while_the_index_is_made_anew(tmp_path: Path) -> None:
    demo = start_demo(tmp_path / "var", "--relaxed", "--plain-auth")
    try:
        asyncio.run(sent(demo, 0, MESSAGES))
        assert asyncio.run(found(demo, "secretword", f"secretword{MESSAGES - 1}.", "nowhere")) == [MESSAGES, 1, 0]
    finally:
        demo.kill()
    with running_demo(tmp_path / "var", "--relaxed", "--plain-auth") as demo:
        asyncio.run(sent(demo, MESSAGES, MESSAGES + 20))
        assert asyncio.run(found(demo, "SECRETWORD", "secretword3.")) == [MESSAGES + 20, 1]
        wait_until(lambda: behind(demo) == 0)
        right = index(demo, "verify", "--all")
        assert right.returncode == 0, right.stdout
        done = index(demo, "rebuild")
        assert (done.stdout, done.stderr) == ("The server made the index anew\n", "")
        assert asyncio.run(found(demo, "secretword", "secretword7.")) == [MESSAGES + 20, 1]
        assert index(demo, "rebuild", "--no-wait").stdout == "The server will make the index anew\n"
        asyncio.run(sent(demo, MESSAGES + 20, MESSAGES + 40))
        assert asyncio.run(found(demo, "secretword", f"secretword{MESSAGES + 39}.")) == [MESSAGES + 40, 1]
        wait_until(lambda: behind(demo) == 0)
        assert index(demo, "verify", "--all").returncode == 0
        assert demo.stop() == 0
    assert sorted(path.name for path in demo.folder.glob("search*")) == ["search.db"]
