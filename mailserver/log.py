"""Log lines: events with fields, one line each, for people or as JSON; a stranger's octets can not forge one.

Every part logs with `structlog.get_logger("part")`; `Log` decides where that goes and in which shape. Fields bound
with `structlog.contextvars` (session, user, queue_id) are on every line of their task.
"""

import contextlib
import json
import logging
import os
import re
import sys
import traceback
from collections.abc import Callable, Mapping, MutableMapping
from datetime import UTC, datetime
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import structlog

MAX_VALUE_CHARACTERS = 2000  # of one field; a longer one is cut
MAX_TRACE_CHARACTERS = 20_000
MAX_KEYS = 500  # names of fields that are looked at only once
FILE_MODE = 0o640
LOGGED = "logged"  # the class of an error that no exception came with

_LEVELS = {"debug": logging.DEBUG, "info": logging.INFO, "warning": logging.WARNING, "error": logging.ERROR}
_SECRET = re.compile(r"passw|secret|token|credential|authorization|private_key|response|cookie|hash", re.IGNORECASE)
_REMOVED = "[removed]"
_QUOTED = re.compile('[ "=]')
# C0, DEL, C1, line and paragraph separators, bidirectional controls, lone surrogates: what moves a terminal's
# cursor, starts a second line or turns text around.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")

Event = MutableMapping[str, Any]

_PROCESSORS: list[Any] = []


class Log:
    """Where the lines go. One at a time is in force: the one configured last."""

    def __init__(self, *, level: str = "info", as_json: bool = False, file: Path | None = None) -> None:
        """Raises OSError when the file can not be opened."""
        self._file = file
        self.on_error: Callable[[str, str], None] = _ignore  # hears of each error: its logger, the fault's class
        self._render = render_json if as_json else render_console
        self._fd = _open(file)
        self.set_level(level)

    def set_level(self, level: str) -> None:
        """Also puts this log in force, for structlog and for the standard library's loggers."""
        number = _LEVELS[level]
        # In place: loggers are made once and keep this very list, whichever log is in force.
        _PROCESSORS[:] = [partial(self._emit, number)]
        structlog.configure(
            processors=_PROCESSORS,
            wrapper_class=structlog.make_filtering_bound_logger(logging.NOTSET),
            logger_factory=_Sink,
            cache_logger_on_first_use=True,
        )
        root = logging.getLogger()
        root.handlers[:] = [_Bridge()]
        root.setLevel(max(number, logging.WARNING))
        logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd logs whole commands, AUTH's included

    def reopen(self) -> None:
        """After the file was moved away; the old one stays in use when the new one can not be opened (OSError)."""
        if self._file is not None:
            old, self._fd = self._fd, _open(self._file)
            os.close(old)

    def close(self) -> None:
        """Later lines go to standard error."""
        if self._file is not None:
            old, self._fd, self._file = self._fd, _open(None), None
            os.close(old)

    def write(self, line: str) -> None:
        """Logging never stops the server: a full disk or a closed pipe loses the line."""
        with contextlib.suppress(OSError):
            os.write(self._fd, (line + "\n").encode("utf-8", "backslashreplace"))

    def _emit(self, least: int, logger: "_Sink", method: str, event: Event) -> Event:
        """structlog's only processor: one call a line, because every message that comes in has one."""
        if _LEVELS.get(method, logging.ERROR) >= logging.ERROR:
            fault = _fault(event.get("exc_info"))
            self.on_error(logger.name, type(fault).__name__ if fault is not None else LOGGED)
        if _LEVELS.get(method, logging.ERROR) >= least:
            line = structlog.contextvars.merge_contextvars(logger, method, event)
            line["level"] = "error" if method in {"exception", "critical"} else method
            line["logger"] = logger.name
            line["timestamp"] = datetime.now(UTC).isoformat()[:-6] + "Z"
            _add_trace(line)
            self.write(self._render(_make_safe(line)))
        raise structlog.DropEvent


class _Sink:
    """What structlog calls a logger: it has a name. Lines are written by the last processor."""

    def __init__(self, name: str = "mailserver") -> None:
        self.name = name


class _Bridge(logging.Handler):
    """asyncio's and the libraries' warnings in our shape."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except Exception:  # a library's broken format string must not stop whoever logs
            text = str(record.msg)
        log = structlog.get_logger(record.name)
        log.log(record.levelno, text, exc_info=record.exc_info or None)


def _open(file: Path | None) -> int:
    if file is None:
        return sys.__stderr__.fileno() if sys.__stderr__ is not None else 2
    return os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, FILE_MODE)


# ---- from an event to a line ----


def _add_trace(event: Event) -> None:
    """Traceback without local variables: those hold passwords and mail."""
    fault = _fault(event.pop("exc_info", None))
    if fault is not None:
        event["trace"] = "".join(traceback.format_exception(fault))[-MAX_TRACE_CHARACTERS:]


def _fault(info: object) -> BaseException | None:
    """`info`: what logging takes as exc_info."""
    if info is True:
        info = sys.exc_info()
    if isinstance(info, tuple):
        info = info[1]
    return info if isinstance(info, BaseException) else None


def _ignore(component: str, kind: str) -> None:
    """Nobody counts."""


def _make_safe(event: Event) -> Event:
    return {
        _safe_key(key): _safe_value(key, value) if key != "trace" else "\n".join(map(safe, str(value).splitlines()))
        for key, value in event.items()
    }


def _safe_value(key: str, value: object) -> object:
    if value is None or isinstance(value, bool):
        return value
    if _is_secret(key):
        return _REMOVED
    if isinstance(value, str):
        return safe(value[:MAX_VALUE_CHARACTERS] + "…" if len(value) > MAX_VALUE_CHARACTERS else value)
    if isinstance(value, int | float):
        return value
    if isinstance(value, Mapping):
        return {safe(str(name)): _safe_value(str(name), item) for name, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_safe_value(key, item) for item in value]
    return _safe_value(key, value.decode("utf-8", "backslashreplace") if isinstance(value, bytes) else str(value))


@lru_cache(MAX_KEYS)
def _is_secret(key: str) -> bool:
    return _SECRET.search(key) is not None


@lru_cache(MAX_KEYS)
def _safe_key(key: str) -> str:
    return safe(key)


def safe(text: str) -> str:
    """Control characters as \\xNN or \\uNNNN; everything else as it is."""
    if text.isascii() and text.isprintable():
        return text
    return _UNSAFE.sub(_escaped, text)


def _escaped(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def render_json(event: Event) -> str:
    return json.dumps(dict(event), ensure_ascii=False, separators=(",", ":"), default=str)


def render_console(event: Event) -> str:
    """`time level logger: event  key=value …`; a traceback follows, each line behind a bar."""
    fields = dict(event)
    time, level, logger, name, trace = (
        fields.pop(key, "") for key in ("timestamp", "level", "logger", "event", "trace")
    )
    line = f"{str(time)[:19]}Z {level:<7} {logger}: {name}"
    line += "".join(f" {key}={_word(value)}" for key, value in fields.items())
    return line + "".join(f"\n  | {row}" for row in str(trace).splitlines())


def _word(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, dict | list) else str(value)
    return json.dumps(text, ensure_ascii=False) if _QUOTED.search(text) or not text else text
