"""TOML and the environment become the one frozen tree; all that is wrong is said at once.

Precedence: environment over file over default. `MAILSERVER__SMTP__MAX_ERRORS=5` is `max_errors = 5` in `[smtp]`,
`MAILSERVER__LISTENERS__SMTP__PORT=2525` is `port = 2525` in `[listeners.smtp]`.
"""

import difflib
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, cast, get_type_hints

from mailserver.config.rules import rule
from mailserver.config.tree import Config, ListenerConfig, TlsMode, WebConfig
from mailserver.config.values import WrongValue, escaped, from_environment, from_toml, kind_of, required, shown

PREFIX = "MAILSERVER__"
MAX_FILE_OCTETS = 1_048_576


class Source(StrEnum):
    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"


class ConfigErrors(Exception):  # noqa: N818 - several faults, not one error
    """Every fault of the configuration, one line each."""

    def __init__(self, faults: list[str]) -> None:
        super().__init__("\n".join(faults))
        self.faults = faults


@dataclass(frozen=True, slots=True)
class Loaded:
    config: Config
    sources: Mapping[str, Source]  # dotted key path → where its value comes from; every key of the tree
    file: Path | None


def load(file: Path | None, environ: Mapping[str, str]) -> Loaded:
    """Read a configuration; without a file the environment must give the host name. Raises ConfigErrors."""
    reading = _Reading(file)
    if file is not None:
        reading.take(_read(file), Source.FILE)
    reading.take_environment(environ)
    config = cast(Config, reading.build(Config, None, ()))
    if not reading.faults:
        reading.faults.extend(contradictions(config))
    if reading.faults:
        raise ConfigErrors(reading.faults)
    return Loaded(config, reading.sources, file)


def defaults(hostname: str) -> Config:
    """The tree as it is when nothing but the host name is given."""
    return load(None, {f"{PREFIX}SERVER__HOSTNAME": hostname}).config


def _read(file: Path) -> dict[str, Any]:
    try:
        octets = file.read_bytes()
        if len(octets) > MAX_FILE_OCTETS:
            raise ConfigErrors([f"{file}: longer than {MAX_FILE_OCTETS} octets, this is not a configuration"])
        return tomllib.loads(octets.decode())
    except OSError as fault:
        raise ConfigErrors([f"{file}: {(fault.strerror or 'can not be read').lower()}"]) from fault
    except UnicodeDecodeError as fault:
        raise ConfigErrors([f"{file}: not UTF-8 at octet {fault.start}"]) from fault
    except tomllib.TOMLDecodeError as fault:
        raise ConfigErrors([f"{file}: not TOML: {fault}"]) from fault


@dataclass(slots=True)
class _Given:
    """A value somebody gave: where, as what, and how it becomes the field's type."""

    raw: object
    source: Source
    label: str
    convert: Callable[[object, Any], object]


@dataclass(slots=True)
class _Reading:
    file: Path | None
    given: dict[tuple[str, ...], _Given] = field(default_factory=dict)
    sources: dict[str, Source] = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)

    def take(self, table: dict[str, Any], source: Source, cls: type = Config, above: tuple[str, ...] = ()) -> None:
        """Note what a TOML table gives; unknown names become faults."""
        hints = get_type_hints(cls)
        for key, raw in table.items():
            path = (*above, key)
            label = ".".join(path)
            hint = hints.get(key)
            if hint is None:
                self.faults.append(_unknown(label, key, hints, "section" if isinstance(raw, dict) else "key"))
            elif not is_dataclass(hint):
                self.given[path] = _Given(raw, source, label, from_toml)
            elif isinstance(raw, dict):
                self.take(raw, source, cast(type, hint), path)
            else:
                self.faults.append(f"{label} = {shown(raw)}: this is a section; write [{label}] and its keys below")

    def take_environment(self, environ: Mapping[str, str]) -> None:
        for name in sorted(environ):
            if name.startswith(PREFIX):
                self._take_variable(name, environ[name])

    def _take_variable(self, name: str, text: str) -> None:
        hint: object = Config
        path = tuple(name.removeprefix(PREFIX).lower().split("__"))
        for key in path:
            hints = get_type_hints(hint) if is_dataclass(hint) else {}
            if key not in hints:
                self.faults.append(_unknown(name, key, hints, "key"))
                return
            hint = hints[key]
        if is_dataclass(hint):
            self.faults.append(f"{name}: this is a section; name one of its keys, such as {name}__{_first(hint)}")
            return
        self.given[path] = _Given(text, Source.ENVIRONMENT, name, from_environment)

    def build(self, cls: type, default: object, above: tuple[str, ...]) -> object:
        """The dataclass with what was given over its defaults; wrong values become faults, not exceptions."""
        hints = get_type_hints(cls)
        values: dict[str, object] = {}
        for item in fields(cls):
            path = (*above, item.name)
            fallback = _default(item) if default is None else getattr(default, item.name)
            if is_dataclass(hints[item.name]):
                branch = None if fallback is MISSING else fallback
                values[item.name] = self.build(cast(type, hints[item.name]), branch, path)
            else:
                values[item.name] = self._value(path, hints[item.name], fallback)
        return cls(**values)

    def _value(self, path: tuple[str, ...], hint: object, fallback: object) -> object:
        name = ".".join(path)
        given = self.given.get(path)
        self.sources[name] = Source.DEFAULT if given is None else given.source
        if given is None:
            if fallback is MISSING:
                self.faults.append(f"{name}: missing; it must be {_allowed(name, hint)}")
            return fallback
        try:
            value = given.convert(hint, given.raw)
            limit = rule(name)
            if limit is not None and not limit.holds(value):
                raise WrongValue(limit.allowed)
        except WrongValue as wrong:
            self.faults.append(f"{given.label} = {shown(given.raw)}: must be {wrong}")
            return fallback
        return self._placed(value, given.source)

    def _placed(self, value: object, source: Source) -> object:
        """Relative paths of the file start at its folder, so that it means the same wherever we are started."""
        if isinstance(value, Path) and source is Source.FILE and self.file is not None:
            return self.file.absolute().parent / value
        return value


def _default(item: "Field[Any]") -> object:
    return item.default_factory() if item.default_factory is not MISSING else item.default


def _allowed(name: str, hint: object) -> str:
    limit = rule(name)
    return kind_of(required(hint)).name if limit is None else limit.allowed


def _first(hint: object) -> str:
    return fields(cast(Any, hint))[0].name.upper()


def _unknown(label: str, key: str, known: Mapping[str, object], what: str) -> str:
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    advice = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}" if known else "it has no keys"
    return f"{escaped(label)}: unknown {what}; {advice}"


def contradictions(config: Config) -> list[str]:
    """What can not be together, though each value is possible."""
    faults = []
    tls = config.tls
    if (tls.certificate is None) != (tls.key is None):
        given, absent = ("key", "certificate") if tls.certificate is None else ("certificate", "key")
        faults.append(f"tls.{absent}: missing; tls.{given} needs it")
    if config.auth.argon2_memory_kib < 8 * config.auth.argon2_parallelism:  # RFC 9106 §3.1
        faults.append("auth.argon2_memory_kib: must be at least 8 times auth.argon2_parallelism")
    return faults + _shared_ports(config)


def listeners(config: Config) -> dict[str, ListenerConfig]:
    """The listeners by name, in the order of the tree."""
    return {item.name: getattr(config.listeners, item.name) for item in fields(config.listeners)}


def _shared_ports(config: Config) -> list[str]:
    taken: dict[tuple[str, int], str] = {}
    faults = []
    bound: dict[str, ListenerConfig | WebConfig] = {
        f"listeners.{name}": item for name, item in listeners(config).items()
    }
    for name, listener in (bound | {"web": config.web}).items():
        if not listener.enabled or listener.port == 0:
            continue
        for address in listener.addresses:
            other = taken.setdefault((address, listener.port), name)
            if other != name:
                faults.append(f"{name}.port = {listener.port}: {other} has it already on {address}")
    return faults


def warnings(config: Config) -> list[str]:
    """What is allowed, but hardly meant."""
    found = []
    closed = [name for name, item in listeners(config).items() if item.enabled and item.tls is TlsMode.IMPLICIT]
    if config.tls.certificate is None and closed:
        found.append(
            f"tls.certificate: not set; {', '.join(closed)} stay closed, STARTTLS is not offered, nobody can log in"
        )
    if "." not in config.server.hostname:
        found.append(f'server.hostname = "{config.server.hostname}": other servers expect a full name with a dot')
    found += [
        f"{name}.allow_plain_auth = true: passwords cross the wire in the clear (from loopback only)"
        for name, branch in (("smtp", config.smtp), ("imap", config.imap), ("pop3", config.pop3))
        if branch.allow_plain_auth
    ]
    return found
