"""What a server at rest does without: libraries of some megabytes that only some mail needs."""

import subprocess
import sys

import pytest

STARTED = (
    "import mailserver.daemon.run, mailserver.daemon.way_out, mailserver.daemon.lifecycle, sys; print(*sys.modules)"
)


@pytest.fixture(scope="module")
def loaded() -> set[str]:
    run = subprocess.run([sys.executable, "-c", STARTED], capture_output=True, text=True, check=True)
    return set(run.stdout.split())


@pytest.mark.parametrize("name", ["cryptography", "httpx2", "dkim", "tldextract", "icalendar", "vobject", "dateutil"])
def test_a_start_does_without(loaded: set[str], name: str) -> None:
    assert "mailserver.daemon.run" in loaded
    assert name not in loaded
