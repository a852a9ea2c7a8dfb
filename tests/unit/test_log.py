"""Log lines: one event is one line, in both shapes, whatever is in it."""

import json
import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from mailserver.log import LOGGED, Log, _make_safe, render_console, render_json, safe


@pytest.fixture(autouse=True)
def _as_it_was() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level, mail_level = root.handlers[:], root.level, logging.getLogger("mail.log").level
    yield
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    root.handlers[:] = handlers
    root.setLevel(level)
    logging.getLogger("mail.log").setLevel(mail_level)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "log"


@pytest.fixture
def log(file: Path) -> Iterator[Log]:
    log = Log(as_json=True, file=file)
    yield log
    log.close()


def events(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def test_an_event_is_one_json_object(log: Log, file: Path) -> None:
    structlog.get_logger("smtp").info("accepted", octets=12, recipients=["a@b.test"])
    [event] = events(file)
    assert event.pop("timestamp", "").endswith("Z")  # type: ignore[attr-defined]
    assert event == {
        "event": "accepted", "octets": 12, "recipients": ["a@b.test"], "level": "info", "logger": "smtp",
    }  # fmt: skip


def test_fields_of_the_task_are_on_every_line(log: Log, file: Path) -> None:
    structlog.contextvars.bind_contextvars(session="s1", user="ann@a.test", queue_id=7)
    structlog.get_logger("x").warning("one")
    assert [(e["session"], e["user"], e["queue_id"]) for e in events(file)] == [("s1", "ann@a.test", 7)]


def test_the_level_can_change_for_loggers_made_before(log: Log, file: Path) -> None:
    early = structlog.get_logger("x")
    early.debug("hidden")
    log.set_level("debug")
    early.debug("shown")
    log.set_level("error")
    early.warning("hidden")
    assert [event["event"] for event in events(file)] == ["shown"]


def test_a_moved_file_is_left_at_reopen(log: Log, file: Path) -> None:
    structlog.get_logger("x").info("one")
    moved = file.rename(file.with_suffix(".1"))
    structlog.get_logger("x").info("two")
    log.reopen()
    structlog.get_logger("x").info("three")
    assert [event["event"] for event in events(moved)] == ["one", "two"]
    assert [event["event"] for event in events(file)] == ["three"]


def test_secrets_are_taken_out(log: Log, file: Path) -> None:
    structlog.get_logger("x").info("login", password="hunter2", nested={"token": "hunter2"}, old_password=b"hunter2")
    assert "hunter2" not in file.read_text()


def test_a_traceback_has_no_local_variables_and_stays_one_json_line(log: Log, file: Path) -> None:
    secret = "hunter" + "2"
    try:
        int("x\ny" + secret[:0])
    except ValueError:
        structlog.get_logger("x").exception("failed")
    [event] = events(file)
    assert "ValueError" in str(event["trace"])
    assert "hunter2" not in file.read_text()
    assert event["level"] == "error"


def test_the_standard_librarys_warnings_come_in_our_shape(log: Log, file: Path) -> None:
    logging.getLogger("asyncio").error("Task %s failed", "t1")
    logging.getLogger("asyncio").info("hidden")
    logging.getLogger("mail.log").error("AUTH PLAIN c2VjcmV0")
    assert [(e["logger"], e["event"]) for e in events(file)] == [("asyncio", "Task t1 failed")]


def test_a_librarys_broken_format_is_logged_as_it_is(log: Log, file: Path) -> None:
    [bridge] = [handler for handler in logging.getLogger().handlers if type(handler).__module__ == "mailserver.log"]
    bridge.emit(logging.LogRecord("broken", logging.WARNING, "", 1, "%d", ("no number",), None))
    assert [event["event"] for event in events(file)] == ["%d"]


def test_a_full_disk_does_not_stop_who_logs(file: Path) -> None:
    log = Log(file=Path("/dev/full"))
    structlog.get_logger("x").info("lost")
    log.close()


def test_console_lines_read_well() -> None:
    event = {"timestamp": "2026-01-02T03:04:05.678Z", "level": "info", "logger": "smtp", "event": "accepted",
             "octets": 3, "text": "two words", "empty": "", "list": [1]}  # fmt: skip
    line = render_console(event)
    assert line == '2026-01-02T03:04:05Z info    smtp: accepted octets=3 text="two words" empty="" list=[1]'


def test_a_console_traceback_can_not_look_like_a_line() -> None:
    line = render_console({"event": "x", "trace": "a\n2026 info forged"})
    assert line.splitlines()[1:] == ["  | a", "  | 2026 info forged"]


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("plain ü 日本", "plain ü 日本"),
        ("a\nb\r\t\0", "a\\x0ab\\x0d\\x09\\x00"),
        ("\x1b[31m\x7f\x9b", "\\x1b[31m\\x7f\\x9b"),
        ("\u202eevil\u2028", "\\u202eevil\\u2028"),
        ("\udc80", "\\udc80"),
    ],
)
def test_control_characters_are_written_out(text: str, written: str) -> None:
    assert safe(text) == written


@given(st.dictionaries(st.text(), st.text() | st.binary() | st.none() | st.lists(st.text()), max_size=4))
def test_whatever_is_logged_is_one_line(fields: dict[str, object]) -> None:
    fields.pop("trace", None)
    for render in (render_json, render_console):
        assert len(render(_make_safe(dict(fields))).splitlines()) == 1


def test_errors_are_heard_of_with_their_part_and_class_whatever_is_logged(file: Path) -> None:
    heard: list[tuple[str, str]] = []
    log = Log(level="error", file=file)
    log.on_error = lambda component, kind: heard.append((component, kind))
    try:
        raise KeyError("x")
    except KeyError as fault:
        structlog.get_logger("imap").exception("command failed")
        structlog.get_logger("smtp").error("connection ended by a fault", exc_info=fault)
    structlog.get_logger("store").error("disk work failed")
    structlog.get_logger("store").warning("slow")
    logging.getLogger("asyncio").error("Task exception was never retrieved", exc_info=ValueError("y"))
    log.close()
    assert heard == [("imap", "KeyError"), ("smtp", "KeyError"), ("store", LOGGED), ("asyncio", "ValueError")]
