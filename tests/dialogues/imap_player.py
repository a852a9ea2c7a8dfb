r"""Plays IMAP dialogues: what a client sends, what it must be answered, as an RFC prints it.

    == title of a scene            a scene has its own copy of the data; it is a sentence that can be false
    # comment
    @mail INBOX 3 \Seen            three messages are delivered, with flags; anywhere in the scene
    @letter INBOX photo            letters/photo.eml is delivered
    @fresh                         sessions of this scene are not logged in
    @config max_errors=3           fields of ImapConfig
    @peer 192.0.2.1                where clients connect from
    @tls                           they connect inside TLS
    @user 2 bob@example.test       session 2 logs in as somebody else
    @quota 2000                    octets
    @messages 10                   the quota in messages
    @admin ann@example.test        is an administrator
    @disable                       the account
    @nokeys                        the account is from before SCRAM
    @deflate                       the first client deflates from here on, and inflates what it reads
    @raw \x07                      sent by the first client as it is, not deflated
    @heard                         the server knows of what was written last
    @untoken Phone                 the access token is removed; "Printer" is another, for SMTP only
    @without CONDSTORE IDLE        capabilities the account's clients are not told of
    @forget                        all removals so far, as is done with those of a month ago
    @pause 0.1                     seconds
    @send 3600 bob@example.test    a message "for later" of the first account is handed in, to leave in so many seconds
    @defer                         an hour later an attempt to deliver it failed for now
    @claim                         an hour later it is being sent
    @outbox                        the outbox has caught up with the queue
    @queue cancelled               the states of all queue rows, by id
    C: a NOOP                      sent with CRLF; C lines that follow one another are one write
    X: b NOOP\n                    sent as they are, Python's escapes undone
    S: * 3 EXISTS                  the next line; "..." is anything within it
    S: ...                         any number of lines
    S: * OK [UIDVALIDITY <v>] ...  digits, remembered; the same digits wherever <v> stands later; <v+1> too
    S: <closed>                    the server hung up
    2 C: c NOOP                    a second session

What the server says and nobody expects makes the scene fail.
"""

import asyncio
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from tests.dialogues.imap_world import ADDRESS, PASSWORD, Client, World, configured

SETTLE_TURNS = 20  # of the loop, for what the server might still say
_STEP = re.compile(r"(?:(\d) )?([CSX]):(?: (.*))?")
_NAME = re.compile(r"<([a-z]\w*)(?:\\\+(\d+))?>")


@dataclass
class Scene:
    title: str
    line: int
    steps: list[tuple[int, str]] = field(default_factory=list)  # line number and text


def scenes(path: Path) -> Iterator[Scene]:
    scene: Scene | None = None
    for number, line in enumerate(path.read_text("utf-8").splitlines(), 1):
        if line.startswith("== "):
            if scene is not None:
                yield scene
            scene = Scene(line[3:], number)
        elif line and not line.startswith("#"):
            assert scene is not None, f"{path.name}:{number}: no scene"
            scene.steps.append((number, line))
    if scene is not None:
        yield scene


class Player:
    def __init__(self, prepared: Path, data: Path, read_size: int) -> None:
        self._prepared = prepared
        self._data = data
        self._read_size = read_size
        self._names: dict[str, int] = {}
        self._clients: dict[str, Client] = {}
        self._users: dict[str, str] = {}  # session → who logs in
        self._fresh = False
        self._tls = False
        self._peer = "127.0.0.1"
        self._any: dict[str, bool] = {}  # "S: ..." was the last expectation

    async def play(self, scene: Scene) -> None:
        settings = dict(
            pair.split("=", 1) for _, step in scene.steps if step.startswith("@config ") for pair in step.split()[1:]
        )
        async with await self._open(settings) as self._world:
            try:
                await self._play(scene)
            finally:
                for client in self._clients.values():
                    await client.hang_up()

    async def _open(self, settings: dict[str, str]) -> World:
        return await World.open(self._prepared, self._data, configured(settings))

    async def _play(self, scene: Scene) -> None:
        pending: tuple[str, bytes] | None = None
        for number, step in scene.steps:
            try:
                sends = _STEP.fullmatch(step) if step[0] != "@" else None
                if sends and sends[2] in "CX":
                    who, octets = sends[1] or "1", self._octets(sends[2], sends[3] or "")
                    if pending and pending[0] == who:
                        pending = who, pending[1] + octets
                        continue
                    await self._send(pending)
                    pending = who, octets
                    continue
                await self._send(pending)
                pending = None
                if sends:
                    await self._expect(sends[1] or "1", sends[3] or "")
                else:
                    await self._direct(*step[1:].split())
            except (AssertionError, TimeoutError) as fault:
                raise AssertionError(f"line {number}: {step}\n  {fault!r}\n  {self._rests()}") from None
        await self._send(pending)
        await self._silence()

    async def _send(self, what: tuple[str, bytes] | None) -> None:
        if what is not None:
            client = await self._client(what[0])
            await client.send(what[1])

    async def _client(self, who: str) -> Client:
        client = self._clients.get(who)
        if client is None:
            client = self._world.connect(self._read_size, peer=self._peer, tls=self._tls)
            self._clients[who] = client
            if not self._fresh:
                await client.line()
                await client.send(f'login LOGIN {self._users.get(who, ADDRESS)} "{PASSWORD}"\r\n'.encode())
                assert (await client.line()).startswith(b"login OK")
        return client

    async def _expect(self, who: str, text: str) -> None:
        client = await self._client(who)
        if text == "...":
            self._any[who] = True
            return
        skipping = self._any.pop(who, False)
        pattern = self._pattern(text)
        while (match := re.fullmatch(pattern, line := (await client.line()).decode("latin-1"))) is None:
            assert skipping and line != "<closed>", f"the server said: {line}"
        self._names |= {name: int(value) for name, value in match.groupdict().items()}

    def _pattern(self, text: str) -> str:
        if text == "<closed>":
            return text
        escaped = re.escape(text.encode().decode("latin-1")).replace(r"\.\.\.", ".*")
        return _NAME.sub(self._number, escaped)

    def _number(self, found: re.Match[str]) -> str:
        name, more = found[1], int(found[2] or 0)
        if name in self._names:
            return str(self._names[name] + more)
        return f"(?P<{name}>[0-9]+)"

    def _octets(self, kind: str, text: str) -> bytes:
        text = re.sub(r"<([a-z]\w*)(?:\+(\d+))?>", self._known, text)
        if kind == "C":
            return text.encode() + b"\r\n"
        return text.encode("latin-1").decode("unicode_escape").encode("latin-1")

    def _known(self, found: re.Match[str]) -> str:
        return str(self._names[found[1]] + int(found[2] or 0)) if found[1] in self._names else found[0]

    async def _direct(self, what: str, *arguments: str) -> None:
        match what:
            case "mail":
                await self._world.deliver(arguments[0], int(arguments[1]), arguments[2:])
            case "letter":
                await self._world.deliver_letter(*arguments)
            case "quota":
                await self._world.set_quota(int(arguments[0]))
            case "user":
                self._users[arguments[0]] = arguments[1]
            case "messages":
                await self._world.set_quota_messages(int(arguments[0]))
            case "admin":
                await self._world.set_admin(arguments[0])
            case "forget":
                await self._world.forget_removals()
            case "disable":
                await self._world.disable()
            case "nokeys":
                await self._world.forget_keys()
            case "deflate":
                (await self._client("1")).deflate()
            case "raw":
                await (await self._client("1")).send_raw(self._octets("X", arguments[0]))
            case "heard":
                await self._world.heard()
            case "untoken":
                await self._world.remove_token(arguments[0])
            case "without":
                await self._world.do_without(arguments)
            case "send":
                await self._world.send(int(arguments[0]), arguments[1:])
            case "defer":
                await self._world.defer()
            case "claim":
                await self._world.claim()
            case "outbox":
                await self._world.outbox.catch_up()
            case "queue":
                assert await self._world.states() == [*arguments]
            case "pause":
                await asyncio.sleep(float(arguments[0]))
            case "fresh":
                self._fresh = True
            case "tls":
                self._tls = True
            case "peer":
                [self._peer] = arguments
            case "config":
                pass
            case _:
                raise AssertionError(f"unknown directive {what}")

    async def _silence(self) -> None:
        for _ in range(SETTLE_TURNS):
            await asyncio.sleep(0)
        for who, client in self._clients.items():
            assert self._any.get(who) or not client.rest(), f"unexpected at the end: {client.rest()!r}"

    def _rests(self) -> dict[str, bytes]:
        return {who: client.rest() for who, client in self._clients.items()}
