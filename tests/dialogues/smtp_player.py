"""Plays a conversation as an RFC prints it against an SMTP server on a loopback socket.

    # what it shows, and where it is written
    C: EHLO client.example.org        a line, CRLF added; \\r \\n \\0 \\xNN \\\\ are octets, "\\_" at the end: no CRLF
    S: 250-mail.example.test          a line of the reply; "..." stands for anything, alone for any further lines
    T:                                the TLS handshake
    X:                                the server has closed the connection
    D: <n>                            n octets of "x", no CRLF
    E:                                the client sends no more, and still listens
    K: from=… to=… body=… content=…   what the service was given last; parts that are not named are not looked at
    N:                                nothing was given to the service

`face: submission` in a comment line picks the server, `config: key=value …` changes its limits.
"""

import asyncio
import re
import ssl
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

REPLY_SECONDS = 10.0

_ESCAPE = re.compile(rb"\\(x[0-9A-Fa-f]{2}|[rn0\\])")
_SIMPLE = {b"r": b"\r", b"n": b"\n", b"0": b"\0", b"\\": b"\\"}


@dataclass(frozen=True, slots=True)
class Step:
    kind: str
    text: str
    number: int  # line of the file


@dataclass(slots=True)
class Dialogue:
    title: str
    face: str = "mx"
    settings: dict[str, str] = field(default_factory=dict)
    steps: list[Step] = field(default_factory=list)


def read(path: Path) -> list[Dialogue]:
    """A file holds dialogues one after the other; a comment line after steps begins the next."""
    dialogues: list[Dialogue] = []
    for number, line in enumerate(path.read_text("utf-8").split("\n"), 1):
        if line.startswith("#"):
            if not dialogues or dialogues[-1].steps:
                dialogues.append(Dialogue(line[1:].strip()))
            _set(dialogues[-1], line[1:].strip())
        elif line.strip():
            kind, _, text = line.partition(":")
            assert kind in {"C", "S", "T", "X", "D", "E", "K", "N"}, f"{path.name}:{number}: {line}"
            dialogues[-1].steps.append(Step(kind, text.removeprefix(" "), number))
    return dialogues


def _set(dialogue: Dialogue, comment: str) -> None:
    if comment.startswith("face: "):
        dialogue.face = comment.removeprefix("face: ")
    if comment.startswith("config: "):
        dialogue.settings.update(word.split("=", 1) for word in comment.removeprefix("config: ").split())


def octets(text: str) -> bytes:
    """Escapes are single octets, everything else beyond ASCII is UTF-8."""
    return _ESCAPE.sub(_octet, text.encode())


def _octet(escape: re.Match[bytes]) -> bytes:
    return bytes([int(escape[1][1:], 16)]) if escape[1][:1] == b"x" else _SIMPLE[escape[1]]


class Player:
    def __init__(self, port: int, context: ssl.SSLContext, cut: int | None) -> None:
        """`cut`: octets written at once, so that the server reads them so; None: all."""
        self._port = port
        self._context = context
        self._cut = cut

    async def play(self, dialogue: Dialogue, given: Callable[[], str]) -> None:
        """`given` describes what the service got last, "" for nothing. Raises AssertionError."""
        self._reader, self._writer = await asyncio.open_connection("127.0.0.1", self._port)
        try:
            for step in dialogue.steps:
                async with asyncio.timeout(REPLY_SECONDS):
                    await self._step(dialogue, step, given)
        except TimeoutError:
            raise AssertionError(f"{dialogue.title}: line {step.number}: nothing came") from None
        finally:
            self._writer.close()

    async def _step(self, dialogue: Dialogue, step: Step, given: Callable[[], str]) -> None:
        where = f"{dialogue.title}: line {step.number}"
        match step.kind:
            case "C":
                await self._send(octets(step.text[:-2]) if step.text.endswith("\\_") else octets(step.text) + b"\r\n")
            case "D":
                await self._send(b"x" * int(step.text))
            case "S":
                await self._expect(where, step.text)
            case "X":
                assert await self._rest() == b"", where
            case "T":
                await self._writer.start_tls(self._context)
            case "E":
                self._writer.write_eof()
            case "K":
                for part in step.text.split(" "):
                    assert part in given(), f"{where}: {part} not in {given()!r}"
            case "N":
                assert given() == "", f"{where}: {given()!r}"

    async def _send(self, data: bytes) -> None:
        size = self._cut or max(len(data), 1)
        for at in range(0, len(data), size):
            self._writer.write(data[at : at + size])
            await self._writer.drain()
            if self._cut and len(data) < 2000:
                await asyncio.sleep(0)  # the server, in this loop, takes each piece by itself

    async def _expect(self, where: str, text: str) -> None:
        while True:
            line = await self._reader.readline()
            assert line.endswith(b"\r\n"), f"{where}: expected {text!r}, got {line!r}"
            if text != "..." or line[3:4] != b"-":
                break
        pattern = ".*".join(re.escape(part) for part in text.split("..."))
        got = line[:-2].decode("ascii")
        assert re.fullmatch(pattern, got), f"{where}: expected {text!r}, got {got!r}"

    async def _rest(self) -> bytes:
        try:
            return await self._reader.read()
        except ConnectionResetError:
            return b""  # octets of ours that nobody wanted
