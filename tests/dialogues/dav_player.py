r"""Plays DAV dialogues: requests and responses of HTTP, over a socket, as an RFC prints them.

    == title of a scene            a scene has its own copy of the data; it is a sentence that can be false
    # comment
    @config max_object_octets=99   fields of DavConfig
    @fresh                         no request of this scene logs in by itself
    @as 2 ben@example.test         connection 2 logs in as somebody else than Ann; or with another password, as a
                                   third word
    @tls                           passwords are taken with TLS only, which there is none of here
    @wait 300                      seconds pass
    @link name calendar busy       a secret address of Ann's, remembered under a name; without "busy" of everything;
                                   @unlink 1 takes the first one back
    @freebusy ann@… secret         who may ask when she is busy; the secret is {token}
    @disable ann@example.test      the account; @password ann@example.test new words; @untoken Phone
    @profile ann@example.test de-AT Europe/Vienna Ann Lee    what the account says of its person
    C: PUT /dav/…/a.ics            a request: what it asks for, then headers, an empty C:, the body; lines end in
    C: If-None-Match: *            CR LF. Host, Content-Length and Authorization are added where they are not written
    C:                             ("!" before a name leaves that one out)
    C: BEGIN:VCALENDAR
    C: @event 1                    in a body: a small event with this UID; @card 1 a card
    X: GET / HTTP/1.1\n            sent as it is, Python's escapes undone; X lines that follow one another are one
    S: 201                         the status; then headers that are there, "..." being anything within them
    S: ETag: "{tag}"               anything, remembered; the same wherever {tag} stands later
    S: !Last-Modified              a header that is not there
    S:                             then the body, all of it; without this line it is not looked at
    S: ...<D:href>...              "..." is anything within a line, alone in a line any number of lines
    S: <closed>                    the server hung up
    2 C: GET /                     a second connection
    S: 100                         may come before: after it the body is sent where the request had "Expect"

What the server says and nobody expects makes the scene fail.
"""

import asyncio
import base64
import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

from mailserver.config.tree import DavConfig
from tests.dialogues.dav_world import ANN, PASSWORD, World

DEADLINE_SECONDS = 20.0
_STEP = re.compile(r"(?:(\d) )?([CSX]):(?: (.*))?")
_NAME = re.compile(r"\\\{([a-z]\w*)\\\}")
_USED = re.compile(r"\{([a-z]\w*)\}")

EVENT = """\
BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Example//Calendar//EN
BEGIN:VEVENT
UID:{uid}
DTSTAMP:20260301T100000Z
DTSTART:20260302T100000Z
DTEND:20260302T110000Z
SUMMARY:Event {uid}
END:VEVENT
END:VCALENDAR"""
CARD = """\
BEGIN:VCARD
VERSION:3.0
UID:{uid}
FN:Person {uid}
N:Person;{uid};;;
EMAIL:person{uid}@elsewhere.example
END:VCARD"""


@dataclass
class Scene:
    title: str
    line: int
    steps: list[tuple[int, str]] = field(default_factory=list)  # line number and text


@dataclass(frozen=True)
class Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


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


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, piece: int) -> None:
        self.reader = reader
        self.writer = writer
        self._piece = piece
        self.method = "GET"
        self.later = b""  # a body that waits for 100

    async def send(self, octets: bytes) -> None:
        size = self._piece or len(octets) or 1
        for start in range(0, len(octets), size):
            self.writer.write(octets[start : start + size])
            await self.writer.drain()
            await asyncio.sleep(0)

    async def answer(self) -> Answer:
        async with asyncio.timeout(DEADLINE_SECONDS):
            first = await self.reader.readuntil(b"\r\n")
            status = int(first.split()[1])
            headers = []
            while line := (await self.reader.readuntil(b"\r\n"))[:-2]:
                name, _, value = line.decode("latin-1").partition(": ")
                headers.append((name.lower(), value))
            return Answer(status, headers, await self._body(status, dict(headers)))

    async def _body(self, status: int, headers: dict[str, str]) -> bytes:
        if self.method == "HEAD" or status in {100, 204, 304}:
            return b""
        if headers.get("transfer-encoding") != "chunked":
            return await self.reader.readexactly(int(headers["content-length"]))
        body = b""
        while size := int(await self.reader.readuntil(b"\r\n"), 16):
            body += (await self.reader.readexactly(size + 2))[:-2]
        assert await self.reader.readexactly(2) == b"\r\n"
        return body


class Player:
    def __init__(self, prepared: Path, data: Path, piece: int) -> None:
        """`piece`: requests are written in so many octets at a time; 0: whole."""
        self._prepared = prepared
        self._data = data
        self._piece = piece
        self._clients: dict[str, Client] = {}
        self._logins: dict[str, tuple[str, str]] = {}  # connection → who
        self._names: dict[str, str] = {}
        self._fresh = False

    async def play(self, scene: Scene) -> None:
        words = [step.split() for _, step in scene.steps if step.startswith("@")]
        settings = dict(pair.split("=", 1) for each in words if each[0] == "@config" for pair in each[1:])
        limits = replace(DavConfig(), **{name: int(value) for name, value in settings.items()})
        self._fresh = ["@fresh"] in words
        plain = ["@tls"] not in words
        async with await World.open(self._prepared, self._data, dav=limits, plain=plain) as self._world:
            try:
                await self._play(scene)
                await self._silence()
            finally:
                for client in self._clients.values():
                    client.writer.close()

    async def _play(self, scene: Scene) -> None:
        for number, who, kind, lines in _blocks(scene):
            try:
                match kind:
                    case "C":
                        await self._request(who, lines)
                    case "X":
                        octets = "".join(self._known(line) for line in lines).encode("latin-1")
                        await (await self._client(who)).send(octets.decode("unicode_escape").encode("latin-1"))
                    case "S":
                        await self._expect(who, lines)
                    case _:
                        await self._direct(*lines[0][1:].split())
            except (AssertionError, TimeoutError, asyncio.IncompleteReadError, ConnectionError) as fault:
                raise AssertionError(f"line {number}: {lines[0]}\n  {fault!r}") from None

    async def _client(self, who: str) -> Client:
        client = self._clients.get(who)
        if client is None:
            streams = await asyncio.open_connection("127.0.0.1", self._world.port)
            self._clients[who] = client = Client(*streams, self._piece)
        return client

    async def _request(self, who: str, lines: list[str]) -> None:
        lines = [self._known(line) for line in lines]
        gap = lines.index("") if "" in lines else len(lines)
        body = "\r\n".join(line for each in lines[gap + 1 :] for line in _expanded(each))
        octets = (body + "\r\n").encode() if gap < len(lines) - 1 else b""
        headers = lines[1:gap] + self._added(who, lines[1:gap], len(octets))
        head = "\r\n".join([f"{lines[0]} HTTP/1.1", *(h for h in headers if not h.startswith("!")), "", ""])
        client = await self._client(who)
        client.method = lines[0].split()[0]
        waits = any(header.lower().startswith("expect:") for header in headers)
        client.later = octets if waits else b""
        await client.send(head.encode() + (b"" if waits else octets))

    def _added(self, who: str, written: list[str], length: int) -> list[str]:
        user, password = self._logins.get(who, (ANN, PASSWORD))
        login = base64.b64encode(f"{user}:{password}".encode()).decode()
        usual = {"Host": "dav.example.test", "Authorization": f"Basic {login}", "Content-Length": str(length)}
        if self._fresh:
            del usual["Authorization"]
        names = {header.lstrip("!").partition(":")[0].lower() for header in written}
        if not length or "transfer-encoding" in names:
            del usual["Content-Length"]
        return [f"{name}: {value}" for name, value in usual.items() if name.lower() not in names]

    async def _expect(self, who: str, lines: list[str]) -> None:
        client = await self._client(who)
        if lines == ["<closed>"]:
            async with asyncio.timeout(DEADLINE_SECONDS):
                assert await client.reader.read() == b""
            return
        answer = await client.answer()
        assert answer.status == int(lines[0].split()[0]), f"the server said {answer}"
        if answer.status == 100:
            await client.send(client.later)
        gap = lines.index("") if "" in lines else len(lines)
        for line in lines[1:gap]:
            self._check_header(line, answer)
        if gap < len(lines):
            self._check_body(lines[gap + 1 :], answer)

    def _check_header(self, line: str, answer: Answer) -> None:
        if line.startswith("!"):
            assert line[1:].lower() not in dict(answer.headers), f"{line[1:]} in {answer}"
            return
        name, _, pattern = line.partition(": ")
        values = [value for header, value in answer.headers if header == name.lower()]
        assert any(self._matches(pattern, value) for value in values), f"{line} is not in {answer}"

    def _check_body(self, expected: list[str], answer: Answer) -> None:
        text = answer.body.decode("utf-8", "backslashreplace")
        lines = [line.removesuffix("\r") for line in text.split("\n")]
        if lines and not lines[-1]:
            lines.pop()
        patterns = [line for each in expected for line in _expanded(each)]
        whole = "\n".join("...\n" if each == "..." else each for each in patterns).replace("...\n\n", "...\n")
        assert self._matches(whole, "\n".join(lines) + ("\n" if patterns[-1:] == ["..."] else "")), f"{answer.body!r}"

    def _matches(self, pattern: str, text: str) -> bool:
        escaped = re.escape(pattern).replace(r"\.\.\.\n", "(?s:.*)").replace(r"\.\.\.", "(?s:.*)")
        seen = set[str]()

        def named(found: re.Match[str]) -> str:
            name = found[1]
            if name in self._names:
                return re.escape(self._names[name])
            if name in seen:
                return f"(?P={name})"
            seen.add(name)
            return rf"(?P<{name}>[^\s\"<>]+)"

        match = re.fullmatch(_NAME.sub(named, escaped), text)
        if match is None:
            return False
        self._names |= {name: value for name, value in match.groupdict().items() if value is not None}
        return True

    def _known(self, line: str) -> str:
        return _USED.sub(lambda found: self._names.get(found[1], found[0]), line)

    async def _direct(self, what: str, *words: str) -> None:
        match what:
            case "as":
                self._logins[words[0]] = (words[1], " ".join(words[2:]) or PASSWORD)
            case "wait":
                await self._world.wait(float(words[0]))
            case "disable":
                await self._world.disable(words[0])
            case "password":
                await self._world.set_password(words[0], " ".join(words[1:]))
            case "profile":
                await self._world.set_profile(words[0], words[1], words[2], " ".join(words[3:]))
            case "untoken":
                await self._world.remove_token(ANN, words[0])
            case "link":
                self._names[words[0]] = await self._world.link(words[1], busy_only="busy" in words)
            case "unlink":
                await self._world.unlink(int(words[0]))
            case "freebusy":
                self._names["token"] = await self._world.free_busy(words[0], words[1])
            case "config" | "fresh" | "tls":
                pass
            case _:
                raise AssertionError(f"unknown directive {what}")

    async def _silence(self) -> None:
        for who, client in self._clients.items():
            client.writer.write_eof()
            async with asyncio.timeout(DEADLINE_SECONDS):
                rest = await client.reader.read()
            assert rest == b"", f"unexpected at the end of {who}: {rest!r}"


def _blocks(scene: Scene) -> Iterator[tuple[int, str, str, list[str]]]:
    """(line number, connection, kind, lines): steps of one kind and connection that follow one another.

    A request begins at its first line, an answer at its status.
    """
    block: tuple[int, str, str, list[str]] | None = None
    for number, step in scene.steps:
        found = _STEP.fullmatch(step) if step[0] != "@" else None
        who, kind, text = (found[1] or "1", found[2], found[3] or "") if found else ("", "@", step)
        goes_on = block is not None and block[1:3] == (who, kind) and kind != "@"
        if goes_on and block is not None and not (kind == "S" and re.fullmatch(r"[1-5]\d\d( .*)?|<closed>", text)):
            block[3].append(text)
            continue
        if block is not None:
            yield block
        block = number, who, kind, [text]
    if block is not None:
        yield block


def _expanded(line: str) -> list[str]:
    for mark, text in (("@event ", EVENT), ("@card ", CARD)):
        if line.startswith(mark):
            return text.replace("{uid}", line.removeprefix(mark)).splitlines()
    return [line]
