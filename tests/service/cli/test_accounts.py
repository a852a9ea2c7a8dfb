"""domain, user and alias: what the commands do to the data folder, and what they say."""

import json
from pathlib import Path

import pytest
from pysqlite3 import dbapi2 as sqlite

from mailserver.auth.passwords import Hasher, Verdict
from mailserver.config.tree import AuthConfig
from tests.service.cli.conftest import Run


def stored_hash(data: Path) -> str:
    connection = sqlite.connect(str(data / "mail.db"))
    try:
        return str(connection.execute("SELECT password_hash FROM users").fetchone()[0])
    finally:
        connection.close()


def verdict(data: Path, password: str) -> Verdict:
    return Hasher(AuthConfig(128, 1)).verify(stored_hash(data), password)


def test_a_domain_from_add_to_restore(cli: Run) -> None:
    assert cli("domain", "add", "Example.TEST").out.startswith("Added example.test\n")
    assert cli("domain", "disable", "example.test").code == 0
    assert [row[:3] for row in cli("domain", "list").rows] == [["example.test", "no", "+"]]
    assert cli("domain", "enable", "example.test").code == 0
    assert json.loads(cli("domain", "show", "example.test", "--json").out) | {"created": ""} == {
        "name": "example.test", "active": True, "separator": "+", "created": "", "users": 0, "aliases": 0,
        "recipients_per_hour": "default",
    }  # fmt: skip
    assert "'mailserver domain restore example.test' brings it back" in cli("domain", "delete", "example.test").out
    assert cli("domain", "list").out == ""
    assert cli("domain", "list", "--deleted").rows[0][0] == "example.test"
    assert cli("domain", "restore", "example.test").code == 0
    assert cli("domain", "list").rows[0][:2] == ["example.test", "yes"]


def test_a_domain_can_have_another_separator_or_none(cli: Run) -> None:
    cli("domain", "add", "a.test", "--separator", "-")
    cli("domain", "add", "b.test", "--separator", "")
    assert [row["separator"] for row in json.loads(cli("domain", "list", "--json").out)] == ["-", ""]


def test_a_user_has_the_password_from_standard_input(cli: Run, ann: str, data: Path) -> None:
    assert verdict(data, "correct horse") is Verdict.RIGHT
    assert cli("user", "passwd", ann, "--password-stdin", stdin=b"battery staple").code == 0
    assert verdict(data, "battery staple") is Verdict.RIGHT
    assert verdict(data, "correct horse") is Verdict.WRONG


def test_a_user_from_disable_to_restore(cli: Run, ann: str) -> None:
    cli("user", "disable", ann)
    assert json.loads(cli("user", "show", ann, "--json").out)["may_log_in"] is False
    cli("user", "enable", ann)
    assert json.loads(cli("user", "show", ann, "--json").out)["may_log_in"] is True
    cli("user", "delete", ann)
    assert cli("user", "list").out == ""
    assert cli("user", "list", "--deleted").rows[0][0] == ann
    cli("user", "restore", ann)
    assert cli("user", "list").rows[0][0] == ann


def test_a_quota_is_set_and_shown(cli: Run, ann: str) -> None:
    assert "quota              1 GiB" in cli("user", "quota", ann).out
    assert json.loads(cli("user", "quota", ann, "1.5G", "--json").out)["quota_bytes"] == 3 << 29
    assert json.loads(cli("user", "quota", ann, "0", "--recount", "--json").out) == {
        "address": ann, "used_bytes": 0, "quota_bytes": None, "messages": 0, "quota_messages": None,
        "corrected_bytes": 0,
    }  # fmt: skip


def test_a_quota_in_messages_is_set_and_shown(cli: Run, ann: str) -> None:
    assert "quota in messages  no limit" in cli("user", "quota", ann).out
    assert json.loads(cli("user", "quota", ann, "--messages", "500", "--json").out)["quota_messages"] == 500
    assert json.loads(cli("user", "quota", ann, "1G", "--json").out)["quota_messages"] == 500
    assert cli("user", "quota", ann, "--messages", "-1").code == 64
    cli("user", "add", "bob@example.test", "--messages", "7", "--password-stdin", stdin=b"correct horse")
    assert json.loads(cli("user", "quota", "bob@example.test", "--json").out)["quota_messages"] == 7


def test_an_administrator_is_made_and_unmade(cli: Run, ann: str) -> None:
    assert cli("user", "admin", ann).out == f"{ann} is an administrator\n"
    assert json.loads(cli("user", "show", ann, "--json").out)["admin"] is True
    assert cli("user", "admin", ann, "--revoke").code == 0
    assert json.loads(cli("user", "show", ann, "--json").out)["admin"] is False


def test_a_mailbox_is_shared_listed_and_taken_back(cli: Run, ann: str) -> None:
    cli("user", "add", "bob@example.test", "--password-stdin", stdin=b"correct horse")
    assert cli("share", "list", ann).out == ""
    assert cli("share", "set", ann, "inbox", "bob@example.test", "lrd").out == (
        f"bob@example.test has lrte on inbox of {ann}\n"
    )
    cli("share", "set", ann, "Archive", "anyone", "lr")
    assert cli("share", "list", ann).rows == [["Archive", "anyone", "lr"], ["INBOX", "bob@example.test", "lrte"]]
    assert json.loads(cli("share", "list", ann, "--json").out)[0] == {
        "mailbox": "Archive", "who": "anyone", "rights": "lr",
    }  # fmt: skip
    assert cli("share", "remove", ann, "Archive", "anyone").code == 0
    assert [row[0] for row in cli("share", "list", ann).rows] == ["INBOX"]


def test_what_can_not_be_shared_is_said(cli: Run, ann: str) -> None:
    assert "'q' is no right" in cli("share", "set", ann, "INBOX", "anyone", "lrq").err
    assert f"{ann} has no mailbox 'Nowhere'" in cli("share", "set", ann, "Nowhere", "anyone", "lr").err
    assert cli("share", "set", ann, "INBOX", "bob@example.test", "lr").code == 67
    assert cli("share", "set", "nobody@example.test", "INBOX", ann, "lr").code == 67


def test_an_alias_takes_and_loses_destinations(cli: Run, ann: str) -> None:
    assert cli("alias", "add", "info@example.test", ann, "bob@else.test").code == 0
    assert cli("alias", "add", "info@example.test", "carol@else.test").code == 0
    [alias] = json.loads(cli("alias", "list", "--json").out)
    assert alias["destinations"] == [ann, "bob@else.test", "carol@else.test"]
    cli("alias", "delete", "info@example.test", "bob@else.test")
    assert cli("alias", "list", "--domain", "example.test").rows[0][1] == f"{ann}, carol@else.test"
    cli("alias", "delete", "info@example.test")
    assert cli("alias", "list").out == ""


def test_a_catch_all_is_an_alias(cli: Run, ann: str) -> None:
    assert cli("alias", "add", "*@example.test", ann).out == f"*@example.test leads to {ann}\n"


REFUSALS = [
    (("domain", "add", "example.test"), 73, "The domain example.test exists"),
    (("domain", "add", "not a domain"), 65, "Not a domain"),
    (("domain", "show", "other.test"), 67, "No such domain: other.test"),
    (("user", "show", "bob@example.test"), 67, "No such user: bob@example.test"),
    (("user", "add", "bob@other.test", "--password-stdin"), 67, "No such domain: other.test"),
    (("user", "add", "ann@example.test", "--password-stdin"), 73, "exists"),
    (("user", "add", "bob", "--password-stdin"), 65, "An address is name@domain"),
    (("user", "add", "bob@example.test"), 65, "no terminal to ask for the password; use --password-stdin"),
    (("user", "quota", "ann@example.test", "lots"), 64, "is not a size"),
    (("user", "show"), 64, "Missing argument 'ADDRESS'"),
    (("user", "shoe"), 64, "No such command 'shoe'"),
    (("alias", "add", "x@example.test", "nobody@example.test"), 67, "No such user or alias here"),
    (("alias", "delete", "x@example.test"), 67, "No such alias: x@example.test"),
    (("queue", "show", "7"), 65, "No such queue entry: 7"),
    (("nonsense",), 64, "No such command 'nonsense'"),
]


@pytest.mark.parametrize(("arguments", "code", "text"), REFUSALS)
def test_a_refusal_is_one_line_and_an_exit_code(
    cli: Run, ann: str, arguments: tuple[str, ...], code: int, text: str
) -> None:
    outcome = cli(*arguments, stdin=b"long enough\n")
    assert (outcome.code, outcome.out) == (code, "")
    [line] = outcome.err.splitlines()
    assert line.startswith("mailserver: ")
    assert text in line


@pytest.mark.parametrize(
    ("stdin", "text"),
    [
        (b"short\n", "needs at least 8 characters"),
        (b"", "needs at least 8 characters"),
        (b"x" * 1025 + b"\n", "longer than 1024 octets"),
        (b"long\x00enough\n", "control characters"),
        (b"\xff" * 10, "not UTF-8"),
    ],
)
def test_a_password_that_can_not_be(cli: Run, stdin: bytes, text: str) -> None:
    cli("domain", "add", "example.test")
    outcome = cli("user", "add", "ann@example.test", "--password-stdin", stdin=stdin)
    assert outcome.code == 65
    assert text in outcome.err
    assert cli("user", "list").out == ""


def test_no_command_takes_a_password_as_an_argument(raw: Run) -> None:
    for command in ("add", "passwd"):
        text = raw("user", command, "--help").out
        assert "--password-stdin" in text
        assert "--password " not in text


def test_names_can_not_write_to_the_terminal(cli: Run, ann: str) -> None:
    outcome = cli("user", "show", "a\x1b[31m@example.test")
    assert "\x1b" not in outcome.err
    assert outcome.code != 0


@pytest.mark.parametrize(("address", "code"), [("ann@example.test", 73), ("bob@other.test", 67), ("bob", 65)])
def test_nobody_types_a_password_for_an_account_that_can_not_be(cli: Run, ann: str, address: str, code: int) -> None:
    outcome = cli("user", "add", address)
    assert outcome.code == code
    assert "password" not in outcome.err


def test_limits_and_copies_of_an_account(cli: Run, ann: str) -> None:
    shown = json.loads(cli("user", "show", ann, "--json").out)
    assert (shown["recipients_per_hour"], shown["sent_copies"]) == ("default", "default")
    assert cli("user", "set", ann, "--per-hour", "25", "--sent-copies", "on").out == (
        "Copies in Sent for ann@example.test: on\nann@example.test may send to 25 recipients an hour\n"
    )
    shown = json.loads(cli("user", "show", ann, "--json").out)
    assert (shown["recipients_per_hour"], shown["sent_copies"]) == (25, "on")
    assert cli("user", "set", ann, "--per-hour", "0").out == "ann@example.test may send to any number of recipients\n"
    assert json.loads(cli("user", "show", ann, "--json").out)["recipients_per_hour"] == "no limit"
    assert cli("user", "set", ann, "--per-hour", "default", "--sent-copies", "default").code == 0
    shown = json.loads(cli("user", "show", ann, "--json").out)
    assert (shown["recipients_per_hour"], shown["sent_copies"]) == ("default", "default")


def test_the_limit_of_a_domain(cli: Run, ann: str) -> None:
    assert cli("domain", "set", "example.test", "--per-hour", "500").out == (
        "All of example.test may send to 500 recipients an hour\n"
    )
    assert json.loads(cli("domain", "show", "example.test", "--json").out)["recipients_per_hour"] == 500
    assert cli("domain", "set", "example.test", "--per-hour", "default").out == (
        "All of example.test may send to as many recipients an hour as the configuration says\n"
    )


@pytest.mark.parametrize("value", ["-1", "many", "1.5", "9999999999"])
def test_a_limit_that_is_none_is_refused(cli: Run, ann: str, value: str) -> None:
    refused = cli("user", "set", ann, f"--per-hour={value}")
    assert refused.code != 0
    assert value in refused.err
    assert json.loads(cli("user", "show", ann, "--json").out)["recipients_per_hour"] == "default"


def test_nothing_to_set_is_said(cli: Run, ann: str) -> None:
    assert "Nothing to set" in cli("user", "set", ann).err
    assert "Nothing to set" in cli("domain", "set", "example.test").err
