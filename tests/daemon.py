"""The real server as a process of its own, for tests that drive it from outside."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

STOP_SECONDS = 35.0
PORT_OFFSETS = (10, 25, 43, 44, 65, 80, 87, 90, 93, 95)


@dataclass(frozen=True, slots=True)
class Login:
    email: str
    password: str


@dataclass(slots=True)
class Demo:
    """`mailserver demo`, running."""

    process: "subprocess.Popen[str]"
    folder: Path
    facts: dict[str, Any]  # the JSON line it printed

    @property
    def users(self) -> list[Login]:
        return [Login(user["email"], user["password"]) for user in self.facts["users"]]

    def port(self, face: str) -> int:
        return int(self.facts[face])

    def kill(self) -> None:
        """As a power switch would, as far as a process can tell."""
        self.process.kill()
        self.process.wait()
        self._close()

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_SECONDS)
        finally:
            self.process.kill()
            self._close()

    def rss_octets(self) -> int:
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0]) * 1024

    def _close(self) -> None:
        if self.process.stdout is not None:
            self.process.stdout.close()


def free_port_base() -> int:
    """A base whose ports nobody uses at the moment."""
    for base in range(20_000 + os.getpid() % 200 * 100, 60_000, 100):
        if all(_is_free(base + offset) for offset in PORT_OFFSETS):
            return base
    raise RuntimeError("no free ports")


def start_demo(folder: Path, *options: str, base: int | None = None) -> Demo:
    base = base or free_port_base()
    command = [sys.executable, "-m", "mailserver", "demo", "--dir", str(folder), "--port-base", str(base), "--json"]
    log = (folder.parent / f"{folder.name}.log").open("a")
    process = subprocess.Popen([*command, *options], stdout=subprocess.PIPE, stderr=log, text=True)
    log.close()
    line = _first_line(process)
    if not line:
        process.kill()
        process.wait()
        raise RuntimeError(f"the demo did not start: {(folder.parent / f'{folder.name}.log').read_text()[-3000:]}")
    return Demo(process, folder, json.loads(line))


@contextlib.contextmanager
def running_demo(folder: Path, *options: str) -> Iterator[Demo]:
    demo = start_demo(folder, *options)
    try:
        yield demo
    finally:
        if demo.process.poll() is None:
            demo.stop()


def wait_until(holds: Any, seconds: float = 10.0) -> None:
    """Ask again until it holds; fails after the deadline."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, f"not within {seconds} s: {holds}"
        time.sleep(0.02)


def _first_line(process: "subprocess.Popen[str]") -> str:
    assert process.stdout is not None
    # a server that hangs at its start is killed by the test's own timeout
    return process.stdout.readline()


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
