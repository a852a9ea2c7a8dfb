"""A server starts without what only a person at a terminal needs."""

import subprocess
import sys

import pytest


@pytest.mark.parametrize("unneeded", ["rich", "pygments", "cryptography"])
def test_the_daemon_does_without(unneeded: str) -> None:
    program = (
        "from mailserver.cli.lean import import_structlog; import_structlog(); "
        "import sys, mailserver.daemon.lifecycle, mailserver.daemon.run; "
        f"sys.exit({unneeded!r} in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_colours_are_there_for_whoever_wants_them_later() -> None:
    program = "from mailserver.cli.lean import import_structlog; import_structlog(); import rich.console"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
