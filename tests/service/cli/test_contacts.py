"""contact and user profile: whom completion offers, who is forgotten, what an account says of its person."""

import json
from pathlib import Path

import pytest

from tests.service.cli.conftest import Run

ANN = "ann@example.test"


@pytest.fixture
def ann(cli: Run) -> Run:
    cli("domain", "add", "example.test")
    assert cli("user", "add", ANN, "--password-stdin", stdin=b"correct horse battery\n").code == 0
    return cli


def test_a_profile_is_set_and_shown(ann: Run, tmp_path: Path) -> None:
    picture = tmp_path / "picture"
    picture.write_bytes(b"\xff\xd8\xff\xe0" + bytes(100))
    done = ann("user", "profile", ANN, "--display-name", "Ann Lee", "--locale", "de-at", "--timezone", "Europe/Vienna",
               "--avatar", str(picture), "--collect", "off", "--json")  # fmt: skip
    assert done.code == 0
    assert json.loads(done.out) == {
        "address": ANN, "display_name": "Ann Lee", "locale": "de-AT", "timezone": "Europe/Vienna",
        "avatar": "image/jpeg", "collect": "off", "birthdays": "default",
    }  # fmt: skip
    assert json.loads(ann("user", "profile", ANN, "--json").out) == json.loads(done.out)
    changed = json.loads(ann("user", "profile", ANN, "--locale", "", "--no-avatar", "--json").out)
    assert (changed["locale"], changed["avatar"], changed["timezone"]) == (None, None, "Europe/Vienna")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--locale", "Klingon!"), "BCP 47"),
        (("--timezone", "Mars/Base"), "Europe/Vienna"),
        (("--display-name", "two\nlines"), "one line"),
    ],
)
def test_a_profile_that_can_not_be_is_refused_and_nothing_changes(
    ann: Run, arguments: tuple[str, str], said: str
) -> None:
    before = ann("user", "profile", ANN).out
    refused = ann("user", "profile", ANN, "--collect", "on", *arguments)
    assert refused.code == 65
    assert said in refused.err
    assert ann("user", "profile", ANN).out == before


def test_a_file_that_is_no_picture_is_refused(ann: Run, tmp_path: Path) -> None:
    file = tmp_path / "picture.png"
    file.write_bytes(b"<svg/>")
    assert "PNG, JPEG or WebP" in ann("user", "profile", ANN, "--avatar", str(file)).err
    file.write_bytes(b"\xff\xd8\xff" + bytes(300_000))
    assert "at most 256 KiB" in ann("user", "profile", ANN, "--avatar", str(file)).err


def test_nobody_was_written_to_yet(ann: Run) -> None:
    assert ann("contact", "suggest", ANN, "jo").out == ""
    assert ann("contact", "list", ANN).out == ""
    refused = ann("contact", "forget", ANN, "jo@x.test")
    assert (refused.code, "has not written to jo@x.test" in refused.err) == (65, True)
    assert ann("contact", "forget", ANN, "--all").out == "Forgot 0\n"
    assert ann("contact", "forget", ANN).code == 64
    assert ann("contact", "suggest", "nobody@example.test", "jo").code == 67
