"""A socket from any loopback address, for conversations that no mail client would have."""

import socket
import ssl
from typing import Self

TIMEOUT_SECONDS = 20.0


class Wire:
    """All of 127/8 is this machine, so that `source` can be as many peers as a test needs."""

    def __init__(self, port: int, source: str = "127.0.0.1", trust: ssl.SSLContext | None = None) -> None:
        """`trust`: TLS from the first octet."""
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS, (source, 0))
        self._read = b""
        if trust is not None:
            self.secure(trust)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *fault: object) -> None:
        self._socket.close()

    def secure(self, trust: ssl.SSLContext) -> None:
        self._socket = trust.wrap_socket(self._socket, server_hostname="localhost")

    def send(self, octets: bytes) -> None:
        self._socket.sendall(octets)

    def line(self) -> bytes:
        """The next line; b"" when the server has closed the connection."""
        while b"\n" not in self._read:
            more = self._more()
            if not more:
                return b""
            self._read += more
        line, _, self._read = self._read.partition(b"\n")
        return line + b"\n"

    def rest(self) -> bytes:
        """Everything until the server closes."""
        while more := self._more():
            self._read += more
        return self._read

    def _more(self) -> bytes:
        try:
            return self._socket.recv(65_536)
        except ConnectionError:
            return b""

    # ---- SMTP ----

    def reply(self) -> bytes:
        """All lines of the next reply."""
        lines = [self.line()]
        while lines[-1][3:4] == b"-":
            lines.append(self.line())
        return b"".join(lines)

    def ask(self, *commands: bytes) -> bytes:
        """Each with its CRLF, one after the other; the last reply."""
        reply = b""
        for command in commands:
            self.send(command + b"\r\n")
            reply = self.reply()
        return reply

    # ---- IMAP ----

    def command(self, text: bytes) -> list[bytes]:
        """Tagged x; all lines to the tagged one, or to the end."""
        self.send(b"x " + text + b"\r\n")
        return self.answer()

    def answer(self) -> list[bytes]:
        lines = []
        while line := self.line():
            lines.append(line)
            if line.startswith(b"x "):
                break
        return lines
