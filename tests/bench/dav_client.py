"""HTTP as a sync client speaks it: one connection kept open where the server keeps it, every answer read whole."""

import contextlib
import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field

SECONDS = 600.0
PIECE = 65_536
WATCH_SECONDS = 0.002  # between two looks


@dataclass(slots=True)
class DavClient:
    port: int
    user: str
    password: str
    _connection: http.client.HTTPConnection | None = field(default=None, init=False)

    def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[int, bytes, float]:
        """(status, body, milliseconds from the first octet sent to the last one read)."""
        connection = self._open()
        started = time.perf_counter()
        connection.request(method, path, body, self._headers(headers))
        response = connection.getresponse()
        content = response.read()
        took = (time.perf_counter() - started) * 1000
        if response.will_close:
            self.close()
        return response.status, content, took

    def done(self, method: str, path: str, body: bytes = b"", **headers: str) -> tuple[bytes, float]:
        """As `ask`, of a request that must succeed."""
        status, content, took = self.ask(method, path, body, **headers)
        if status not in {200, 201, 204, 207}:
            raise RuntimeError(f"{method} {path}: {status} {content[:300]!r}")
        return content, took

    @contextlib.contextmanager
    def streamed(self, method: str, path: str, body: bytes, **headers: str) -> Iterator[Iterator[bytes]]:
        """The answer in pieces, as they come."""
        self.close()
        connection = self._open()
        connection.request(method, path, body, self._headers(headers))
        response = connection.getresponse()
        yield iter(lambda: response.read(PIECE), b"")
        self.close()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def _headers(self, named: dict[str, str]) -> dict[str, str]:
        login = b64encode(f"{self.user}:{self.password}".encode()).decode()
        mine = {"Authorization": f"Basic {login}"} if self.user else {}
        return mine | {name.replace("_", "-"): value for name, value in named.items()}

    def _open(self) -> http.client.HTTPConnection:
        if self._connection is None:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS)
            self._connection.connect()
            self._connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return self._connection


@contextlib.contextmanager
def watching(port: int) -> Iterator[list[float]]:
    """What another program waits for its requests meanwhile, milliseconds: filled in at the end.

    A program of its own: a thread here would wait for this interpreter, which reads what is measured.
    """
    waits: list[float] = []
    command = [sys.executable, "-m", __name__, str(port)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as watcher:
        if watcher.stdout is None or watcher.stdin is None:
            raise RuntimeError("no pipes")
        watcher.stdout.readline()  # it is up
        yield waits
        watcher.stdin.close()
        waits.extend(json.loads(watcher.stdout.readline()))


def _watch(port: int) -> None:
    other, waits, done = DavClient(port, "", ""), list[float](), threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), done.set()), daemon=True).start()
    other.ask("GET", "/health")
    print("watching", flush=True)
    while not waits or not done.is_set():
        waits.append(other.ask("GET", "/health")[2])
        time.sleep(WATCH_SECONDS)
    print(json.dumps(waits), flush=True)


if __name__ == "__main__":
    _watch(int(sys.argv[1]))
