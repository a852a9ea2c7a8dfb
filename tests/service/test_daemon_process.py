"""What systemd hears, and that a data folder has one server."""

import asyncio
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from mailserver.daemon.lock import Lock, is_served
from mailserver.daemon.notify import Notifier
from mailserver.errors import InUse


@pytest.fixture
def systemd(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "n"))
        server.settimeout(5)
        yield server


async def test_systemd_hears_of_each_state(systemd: socket.socket, tmp_path: Path) -> None:
    notifier = Notifier({"NOTIFY_SOCKET": str(tmp_path / "n")})
    notifier.ready("smtp 25")
    notifier.reloading()
    notifier.ready("smtp 25")
    await notifier.stopping()
    heard = [systemd.recv(1000).decode() for _ in range(4)]
    assert heard[0] == heard[2] == "READY=1\nSTATUS=smtp 25"
    assert heard[1].startswith("RELOADING=1\nMONOTONIC_USEC=")
    assert heard[3] == "STOPPING=1"


async def test_the_watchdog_is_fed_by_the_loop(systemd: socket.socket, tmp_path: Path) -> None:
    environ = {"NOTIFY_SOCKET": str(tmp_path / "n"), "WATCHDOG_USEC": "30000", "WATCHDOG_PID": str(os.getpid())}
    notifier = Notifier(environ)
    notifier.ready("")
    loop = asyncio.get_running_loop()
    heard = [await loop.run_in_executor(None, systemd.recv, 1000) for _ in range(4)]
    assert heard[1:] == [b"WATCHDOG=1"] * 3
    await notifier.stopping()


@pytest.mark.parametrize("environ", [{}, {"WATCHDOG_USEC": "x"}, {"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"}])
async def test_without_systemd_nothing_happens(environ: dict[str, str]) -> None:
    notifier = Notifier({**environ, "NOTIFY_SOCKET": "/nowhere/at/all"})
    notifier.ready("")
    await notifier.stopping()


def test_a_data_folder_has_one_server(tmp_path: Path) -> None:
    data = tmp_path / "new" / "data"
    with Lock(data):
        assert data.stat().st_mode & 0o777 == 0o700
        with pytest.raises(InUse, match=f"is served by process {os.getpid()}; stop it"):
            Lock(data).take()
        assert is_served(data)
    assert not is_served(data)


def test_the_lock_ends_with_its_process(tmp_path: Path) -> None:
    code = "import sys, pathlib, time; from mailserver.daemon.lock import Lock; Lock(pathlib.Path(sys.argv[1])).take()"
    code += "; print('held', flush=True); time.sleep(60)"
    code = code.replace("Lock(pathlib", "held = Lock(pathlib").replace(".take()", "; held.take()")
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        assert is_served(tmp_path)
        process.kill()
    assert not is_served(tmp_path)


def test_the_process_takes_the_descriptors_it_may_have_and_leaves_no_memory_image() -> None:
    code = (
        "import resource as r; r.setrlimit(r.RLIMIT_NOFILE, (256, 2048)); "
        "from mailserver.daemon import process; process.prepare(); import os; "
        "print(r.getrlimit(r.RLIMIT_NOFILE)[0], r.getrlimit(r.RLIMIT_CORE)[0], oct(os.umask(0)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["2048", "0", "0o77"]
