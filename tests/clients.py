"""The smallest SMTP and IMAP clients that tests and benchmarks drive the server with when every octet counts.

Foreign clients prove that we speak the protocols; these measure and crash the server without work of their own.
"""

import asyncio
import contextlib
import re
from dataclasses import dataclass, field
from typing import Self


class Refused(Exception):
    """The server said no; the text is its reply, `lines` is all that came with it."""

    def __init__(self, text: str, lines: list[bytes]) -> None:
        self.lines = lines
        super().__init__(text)


@dataclass(slots=True)
class SmtpClient:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    @classmethod
    async def connect(cls, port: int, name: str = "client.test") -> "SmtpClient":
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        client = cls(reader, writer)
        await client.reply()
        await client.command(f"EHLO {name}".encode())
        return client

    async def reply(self) -> bytes:
        lines = []
        while True:
            line = await self.reader.readline()
            if not line:
                raise ConnectionError("closed")
            lines.append(line)
            if line[3:4] != b"-":
                break
        if lines[-1][:1] not in b"23":
            raise Refused(b"".join(lines).decode("utf-8", "replace"), lines)
        return b"".join(lines)

    async def command(self, line: bytes) -> bytes:
        self.writer.write(line + b"\r\n")
        return await self.reply()

    async def send(self, sender: str, recipients: list[str], message: bytes) -> bytes:
        """One pipelined transaction; returns the last reply: from then on the message is the server's."""
        envelope = [f"MAIL FROM:<{sender}>", *(f"RCPT TO:<{recipient}>" for recipient in recipients), "DATA"]
        self.writer.write("".join(f"{line}\r\n" for line in envelope).encode())
        for _ in envelope:
            await self.reply()
        self.writer.write(stuffed(message) + b".\r\n")
        return await self.reply()

    async def close(self) -> None:
        await _close(self.writer)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *fault: object) -> None:
        await self.close()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError):  # how it ended does not matter to a test that is done with it
        await writer.wait_closed()


def stuffed(message: bytes) -> bytes:
    return re.sub(rb"(?m)^\.", b"..", message)


@dataclass(slots=True)
class ImapClient:
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    tag: int = 0
    unsolicited: list[bytes] = field(default_factory=list)

    @classmethod
    async def connect(cls, port: int) -> "ImapClient":
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=1 << 26)
        client = cls(reader, writer)
        await client.line()
        return client

    @classmethod
    async def login(cls, port: int, user: str, password: str) -> "ImapClient":
        client = await cls.connect(port)
        await client.command(f"LOGIN {user} {password}")
        return client

    async def line(self) -> bytes:
        """One response line with its literals."""
        whole = b""
        while True:
            part = await self.reader.readline()
            if not part.endswith(b"\n"):
                raise ConnectionError("closed")
            whole += part
            literal = re.search(rb"\{(\d+)\}\r\n$", part)
            if literal is None:
                return whole
            whole += await self.reader.readexactly(int(literal[1]))

    async def command(self, text: str, literal: bytes | None = None) -> list[bytes]:
        """The untagged lines and the tagged one last; raises Refused on NO and BAD."""
        self.tag += 1
        tag = b"t%d" % self.tag
        self.writer.write(tag + b" " + text.encode())
        if literal is not None:
            self.writer.write(b" {%d+}\r\n" % len(literal) + literal)
        self.writer.write(b"\r\n")
        lines = []
        while True:
            line = await self.line()
            lines.append(line)
            if line.startswith(tag + b" "):
                break
        if not lines[-1].startswith(tag + b" OK"):
            raise Refused(lines[-1].decode("utf-8", "replace"), lines)
        return lines

    async def close(self) -> None:
        await _close(self.writer)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *fault: object) -> None:
        await self.close()
