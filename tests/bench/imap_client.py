"""A client that costs next to nothing: what is measured is the server, not whoever asks it."""

import socket
import time

RECEIVE_OCTETS = 1 << 20
TIMEOUT_SECONDS = 120.0


class Wire:
    """Blocking; one command after the other. Answers are not parsed, only their end is found."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), TIMEOUT_SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._tag = 0
        self._until(b"\r\n")

    @classmethod
    def login(cls, port: int, user: str, password: str) -> "Wire":
        wire = cls(port)
        wire.command(f"LOGIN {user} {password}".encode())
        return wire

    def command(self, text: bytes) -> bytes:
        """The whole answer; raises ConnectionError where it is not OK."""
        self._tag += 1
        tag = b"t%d" % self._tag
        self._socket.sendall(tag + b" " + text + b"\r\n")
        answer = self._until_tagged(tag + b" ")
        last = answer[answer.rfind(b"\r\n", 0, -2) + 2 :] if answer.count(b"\r\n", -4096) > 1 else answer
        if not last.startswith(tag + b" OK"):
            raise ConnectionError(last.decode("utf-8", "replace"))
        return answer

    def timed(self, text: bytes) -> float:
        """Milliseconds from the command to its OK."""
        started = time.perf_counter()
        self.command(text)
        return (time.perf_counter() - started) * 1000

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def line(self) -> bytes:
        return self._until(b"\r\n")

    def close(self) -> None:
        self._socket.close()

    def _until(self, end: bytes) -> bytes:
        data = b""
        while not data.endswith(end):
            data += self._receive()
        return data

    def _until_tagged(self, tag: bytes) -> bytes:
        pieces = [self._receive()]
        while True:
            tail = pieces[-1] if len(pieces[-1]) > 1024 or len(pieces) == 1 else b"".join(pieces[-4:])
            at = tail.rfind(b"\r\n", 0, len(tail) - 2) + 2 if tail.count(b"\r\n") > 1 else 0
            if tail.endswith(b"\r\n") and tail.startswith(tag, at):
                return b"".join(pieces)
            pieces.append(self._receive())

    def _receive(self) -> bytes:
        data = self._socket.recv(RECEIVE_OCTETS)
        if not data:
            raise ConnectionError("closed")
        return data
