"""Radicale with its usual settings, fsync included: the peer that CalDAV and CardDAV are measured beside."""

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.dav_client import DavClient
from tests.daemon import free_port_base, wait_until

USER, PASSWORD = "ann", "secret"
START_SECONDS = 20.0
PORT_OFFSET = 80  # of the ports that free_port_base looked at


@dataclass(frozen=True, slots=True)
class Radicale:
    port: int
    home: str = f"/{USER}/"

    def client(self) -> DavClient:
        return DavClient(self.port, USER, PASSWORD)


@contextlib.contextmanager
def running_radicale(folder: Path) -> Iterator[Radicale]:
    folder = folder.resolve()
    folder.mkdir()
    port = free_port_base() + PORT_OFFSET
    (folder / "users").write_text(f"{USER}:{PASSWORD}\n")
    (folder / "config").write_text(
        f"""
[server]
hosts = 127.0.0.1:{port}
timeout = 120
max_content_length = 100000000
[auth]
type = htpasswd
htpasswd_filename = {folder}/users
htpasswd_encryption = plain
delay = 0
[storage]
filesystem_folder = {folder}/storage
[logging]
level = error
"""
    )
    with (folder / "log").open("w") as log:
        process = subprocess.Popen([sys.executable, "-m", "radicale", "-C", str(folder / "config")], stderr=log)
    try:
        radicale = Radicale(port)
        wait_until(lambda: _answers(radicale), START_SECONDS)
        yield radicale
    finally:
        process.terminate()
        process.wait()


def _answers(radicale: Radicale) -> bool:
    client = radicale.client()
    try:
        return client.ask("OPTIONS", radicale.home)[0] < 500
    except OSError:
        return False
    finally:
        client.close()
