"""deliver, migrate, db, fsck, config, version, and what holds for every command."""

import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from mailserver.cli.main import COMMANDS, Commands
from tests.service.cli.conftest import Run

MESSAGE = b"Subject: hello\n\nline one\nline two\r\n"


def delivered(data: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted((data / "mail/example.test/ann").glob("cur/*"))]


def test_a_message_is_delivered_with_its_line_ends_made_right(cli: Run, ann: str, data: Path) -> None:
    outcome = cli("deliver", "--to", "ann+detail@example.test", "--from", "bob@else.test", stdin=MESSAGE)
    assert (outcome.code, outcome.out) == (0, f"Delivered to {ann}\n")
    [file] = delivered(data)
    assert file == b"Return-Path: <bob@else.test>\r\nSubject: hello\r\n\r\nline one\r\nline two\r\n"
    assert json.loads(cli("user", "show", ann, "--json").out)["used_bytes"] == len(file)
    with closing(sqlite3.connect(data / "mail.db")) as database:
        rows = database.execute("SELECT sender, recipient, status, direction FROM delivery_log").fetchall()
    assert rows == [("bob@else.test", ann, "delivered", "inbound")]


def test_an_alias_delivers_to_all_its_users(cli: Run, ann: str, data: Path) -> None:
    cli("user", "add", "ben@example.test", "--password-stdin", stdin=b"correct horse\n")
    cli("alias", "add", "info@example.test", ann, "ben@example.test", "else@where.test")
    outcome = cli("deliver", "--to", "info@example.test", stdin=b"From bob Mon Jan  1\nSubject: x\n\ny\n")
    assert outcome.out == "Delivered to ann@example.test, ben@example.test\n"
    assert "not forwarded to else@where.test" in outcome.err
    assert delivered(data) == [b"Return-Path: <>\r\nSubject: x\r\n\r\ny\r\n"]


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (("--to", "bob@example.test"), 67, "No such user"),
        (("--to", "bob@else.test"), 67, "No such user here: bob@else.test"),
        (("--to", "ann@example.test", "--mailbox", "Nowhere"), 65, "No such mailbox"),
        (("--to", "ann@example.test", "--from", "not an address"), 65, "ddress"),
        ((), 64, "Missing option '--to'"),
    ],
)
def test_a_delivery_that_can_not_be_leaves_nothing(
    cli: Run, ann: str, data: Path, arguments: tuple[str, ...], code: int, text: str
) -> None:
    outcome = cli("deliver", *arguments, stdin=MESSAGE)
    assert (outcome.code, outcome.out) == (code, "")
    assert text in outcome.err
    assert list((data / "staging").iterdir()) == []


def test_a_full_mailbox_and_a_large_message_are_refused(cli: Run, ann: str, data: Path) -> None:
    cli("user", "quota", ann, "10")
    assert cli("deliver", "--to", ann, stdin=MESSAGE).code == 75
    cli("user", "quota", ann, "0")
    environ = {"MAILSERVER__SMTP__MAX_MESSAGE_OCTETS": "1024"}
    os.environ.update(environ)
    try:
        outcome = cli("deliver", "--to", ann, stdin=b"x" * 2000)
    finally:
        del os.environ["MAILSERVER__SMTP__MAX_MESSAGE_OCTETS"]
    assert (outcome.code, outcome.err) == (65, "mailserver: The message is larger than 1024 octets\n")
    assert delivered(data) == []
    assert list((data / "staging").iterdir()) == []


def test_migrations_from_nothing_to_head(bare: Run, data: Path) -> None:
    rows = json.loads(bare("migrate", "status", "--json").out)
    assert {row["state"] for row in rows} == {"pending"}
    assert not data.exists(), "looking makes nothing"
    assert "would apply 001_foundation" in bare("migrate", "up", "--dry-run").out
    assert bare("migrate", "to", "8").out.endswith("The schema is at 008\n")
    head = rows[-1]["version"]
    assert bare("migrate", "up").out.endswith(f"The schema is at {head:03}\n")
    assert bare("migrate", "up").out == f"Nothing to do: the schema is at {head:03}\n"
    assert {row[2] for row in bare("migrate", "status").rows} == {"applied"}
    assert bare("migrate", "to", "999").code == 65


def test_a_new_migration_gets_the_next_number(raw: Run, tmp_path: Path) -> None:
    (tmp_path / "004_before.sql").write_text("")
    assert raw("migrate", "create", "more_room", "--folder", str(tmp_path)).out == f"{tmp_path}/005_more_room.sql\n"
    assert raw("migrate", "create", "Bad Name", "--folder", str(tmp_path)).code == 65


def test_the_database_is_described_and_checked(cli: Run, ann: str, data: Path) -> None:
    info = json.loads(cli("db", "info", "--json").out)
    assert info["path"] == str(data / "mail.db")
    assert {"name": "users", "rows": 1} in info["tables"]
    assert json.loads(cli("db", "check", "--json").out)["sound"] is True
    assert cli("db", "check").out == "The database is sound\n"


def test_fsck_finds_and_repairs(cli: Run, ann: str, data: Path) -> None:
    cli("deliver", "--to", ann, stdin=MESSAGE)
    assert cli("fsck").out == "Database and mail folders agree\n"
    [file] = (data / "mail/example.test/ann").glob("cur/*")
    file.unlink()
    outcome = cli("fsck", "--json")
    assert outcome.code == 1
    assert [(each["kind"], each["repaired"]) for each in json.loads(outcome.out)] == [("missing-file", False)]
    assert cli("fsck", "--repair").code == 0
    assert cli("fsck").code == 0


@pytest.mark.parametrize("arguments", [("db", "info"), ("db", "check")])
def test_a_folder_without_a_database_is_named(bare: Run, data: Path, arguments: tuple[str, ...]) -> None:
    outcome = bare(*arguments)
    assert outcome.code == 66
    assert f"There is no database in {data}" in outcome.err
    assert not data.exists()


def test_the_whole_commands_options_stand_anywhere(raw: Run, data: Path) -> None:
    assert raw("migrate", "up", "--data", str(data)).code == 0
    assert raw("user", "list", f"--data={data}").code == 0


def test_without_a_configuration_the_way_out_is_named(raw: Run) -> None:
    outcome = raw("user", "list")
    assert outcome.code == 78
    assert outcome.err.endswith("no such file; give --config FILE or --data FOLDER\n")


def test_the_environment_is_configuration_enough(raw: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAILSERVER__SERVER__HOSTNAME", "mail.example.org")
    monkeypatch.setenv("MAILSERVER__SMTP__MAX_RECIPIENTS", "7")
    outcome = raw("config", "show")
    assert outcome.code == 0
    assert "max_recipients = 7  # environment\n" in outcome.out
    assert 'hostname = "mail.example.org"  # environment\n' in outcome.out


def test_config_check_tells_all_faults(raw: Run, tmp_path: Path) -> None:
    file = tmp_path / "mailserver.toml"
    file.write_text("smtp.max_errors = 0\nimap.x = 1\n")
    outcome = raw("--config", str(file), "config", "check")
    assert outcome.code == 78
    assert [line.split(":")[1] for line in outcome.err.splitlines()] == [" config"] * 3
    file.write_text('server.hostname = "mail.example.org"\n')
    outcome = raw("config", "check", "--config", str(file))
    assert (outcome.code, outcome.out) == (0, f"{file}: good\n")
    assert outcome.err.startswith("warning: tls.certificate: not set")


def test_config_check_tries_the_certificate(raw: Run, tmp_path: Path) -> None:
    file = tmp_path / "mailserver.toml"
    file.write_text('server.hostname = "mail.example.org"\ntls.certificate = "c.pem"\ntls.key = "k.pem"\n')
    outcome = raw("config", "check", "--config", str(file))
    assert outcome.code == 78
    assert f"tls.certificate: {tmp_path}/c.pem" in outcome.err


def test_config_show_and_example_can_be_read_again(raw: Run, tmp_path: Path) -> None:
    file = tmp_path / "mailserver.toml"
    file.write_text(raw("config", "example").out)
    shown = raw("config", "show", "--config", str(file), "--json")
    assert json.loads(shown.out)["server.hostname"] == {"value": "mail.example.org", "source": "file"}
    file.write_text(raw("config", "show", "--config", str(file)).out)
    assert raw("config", "check", "--config", str(file)).code == 0


def test_version_names_what_a_fault_report_needs(raw: Run) -> None:
    assert {"mailserver", "python", "sqlite", "openssl"} <= json.loads(raw("version", "--json").out).keys()


def test_help_imports_no_command(raw: Run) -> None:
    code = (
        "import sys; from mailserver.cli import main; "
        "main.run(lambda: main.cli.main(['--help'], standalone_mode=False)); "
        "heavy = {'mailserver.store.store', 'rich', 'cryptography', 'aiosmtpd', 'asyncio.sslproto'}; "
        "sys.exit(f'imported {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert all(name in done.stdout for name in COMMANDS)


def test_every_command_and_listing_has_help_and_json(raw: Run) -> None:
    import click

    def walk(command: click.Command, path: tuple[str, ...]) -> None:
        assert raw(*path, "--help").code == 0
        if isinstance(command, click.Group):
            for name in command.list_commands(click.Context(command)):
                inner = command.get_command(click.Context(command), name)
                assert inner is not None
                assert inner.help, f"{path} {name} has no help"
                walk(inner, (*path, name))
            assert "..." not in raw(*path, "--help").out.partition("Commands:")[2], f"{path}: a summary is cut off"
        elif path[-1] in {"list", "show", "status", "info"}:
            assert "--json" in [option for each in command.params for option in each.opts], path

    from mailserver.cli.main import cli

    assert isinstance(cli, Commands)
    walk(cli, ())


def test_a_fault_of_ours_is_one_line(raw: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(COMMANDS, "version", ("tests.service.cli.test_commands:missing", ""))
    outcome = raw("version")
    assert outcome.code == 70
    assert outcome.err.startswith("mailserver: internal error: AttributeError")
    assert len(outcome.err.splitlines()) == 1


def test_a_folder_that_can_not_be_made_is_named(raw: Run) -> None:
    outcome = raw("migrate", "up", "--data", "/proc/nothing/here")
    assert outcome.code in {66, 77}
    assert outcome.err.startswith("mailserver: /proc/nothing")
