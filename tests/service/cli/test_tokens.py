"""token, and capabilities that are switched off: what the commands do, and what they say."""

import json
from pathlib import Path

import pytest

from tests.service.cli.conftest import Run


def test_a_token_is_printed_once_and_listed_without_itself(cli: Run, ann: str) -> None:
    made = cli("token", "add", ann, "--name", "Phone", "--scope", "IMAP, smtp", "--expires", "90d")
    assert made.code == 0
    token = made.out.strip()
    assert token.startswith("mst_")
    assert made.out.count("\n") == 1
    [row] = json.loads(cli("token", "list", "--json").out)
    assert (row["address"], row["name"], row["scope"], row["last_used"]) == (ann, "Phone", ["imap", "smtp"], None)
    assert row["expires"] > row["created"]
    assert token not in cli("token", "list", ann).out
    assert cli("token", "remove", ann, "Phone").out == "Removed Phone of ann@example.test\n"
    assert cli("token", "list", ann).out == ""


def test_a_token_is_good_for_everything_and_for_ever_unless_told_otherwise(cli: Run, ann: str) -> None:
    made = json.loads(cli("token", "add", ann, "--name", "Laptop", "--json").out)
    assert (made["address"], made["name"], made["token"][:4]) == (ann, "Laptop", "mst_")
    [row] = json.loads(cli("token", "list", ann, "--json").out)
    assert (row["scope"], row["expires"]) == ("all", None)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["add", "nobody@example.test", "--name", "x"], 67, "No such user"),
        (["add", "ann@example.test", "--name", "Phone"], 73, "remove it first, or take another name"),
        (["add", "ann@example.test", "--name", "Fax", "--scope", "fax"], 65, "known are imap, smtp, pop3"),
        (["add", "ann@example.test", "--name", "x", "--expires", "soon"], 64, "is not a time such as 90d"),
        (["add", "ann@example.test", "--name", "x", "--expires", "0d"], 64, "is not a time such as 90d"),
        (["add", "ann@example.test", "--name", "x", "--expires", "99999y"], 64, "is not a time such as 90d"),
        (["add", "ann@example.test", "--name", "\t"], 65, "one line of 1 to 100 characters"),
        (["add", "ann@example.test"], 64, "--name"),
        (["remove", "ann@example.test", "Tablet"], 65, "has no token 'Tablet'"),
        (["list", "nobody@example.test"], 67, "No such user"),
    ],
)
def test_a_refusal_is_one_line_and_an_exit_code(cli: Run, ann: str, arguments: list[str], code: int, text: str) -> None:
    cli("token", "add", ann, "--name", "Phone")
    outcome = cli("token", *arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert text in outcome.err
    assert outcome.err.count("\n") == 1


def test_an_account_can_do_without_capabilities(cli: Run, ann: str) -> None:
    assert cli("user", "set", ann, "--without", "condstore, IDLE").out == f"{ann} does without CONDSTORE, IDLE\n"
    assert json.loads(cli("user", "show", ann, "--json").out)["imap_without"] == ["CONDSTORE", "IDLE"]
    assert cli("user", "set", ann, "--without", "").out == f"{ann} has all capabilities\n"
    assert json.loads(cli("user", "show", ann, "--json").out)["imap_without"] == []
    assert cli("user", "set", ann).code == 64


@pytest.mark.parametrize("name", ["CONDSTOR", "IMAP4rev1", "STARTTLS", "LOGINDISABLED", "*"])
def test_what_is_no_capability_is_refused_naming_those_that_are(cli: Run, ann: str, name: str) -> None:
    outcome = cli("user", "set", ann, "--without", name)
    assert outcome.code == 65
    assert "known are IMAP4REV2, LITERAL+, " in outcome.err
    assert "IMAP4REV1" not in outcome.err.partition("known are")[2].split(", ")


def test_the_configuration_names_known_capabilities_only(raw: Run, tmp_path: Path) -> None:
    file = tmp_path / "mailserver.toml"
    file.write_text('[server]\nhostname = "mail.example.test"\n[imap]\nwithout = ["idle", "AUTH=LOGIN"]\n')
    assert raw("--config", str(file), "config", "check").code == 0
    file.write_text('[server]\nhostname = "mail.example.test"\n[imap]\nwithout = ["IDLE", "IMAP4rev1"]\n')
    outcome = raw("--config", str(file), "config", "check")
    assert outcome.code == 78
    assert (
        "imap.without: 'IMAP4rev1' is no capability that can be switched off; known are IMAP4REV2, LITERAL+, "
        in outcome.err
    )
