"""One value of the file or the environment becomes one value of the tree, or a text that says why not."""

import tomllib
import types
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Union, get_args, get_origin

MAX_SHOWN = 60  # characters of a wrong value in a fault


class WrongValue(Exception):  # noqa: N818 - becomes one line of ConfigErrors
    """Its text stands after "must be"."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A type of the tree: what it is called, and how TOML's value becomes it (None: it can not)."""

    name: str
    convert: Callable[[Any], object | None]


def _number(raw: object) -> float | None:
    return float(raw) if isinstance(raw, int | float) and not isinstance(raw, bool) else None


def _strings(raw: object) -> tuple[str, ...] | None:
    return tuple(raw) if isinstance(raw, list) and all(isinstance(item, str) for item in raw) else None


KINDS: dict[object, Kind] = {
    bool: Kind("true or false", lambda raw: raw if isinstance(raw, bool) else None),
    int: Kind("a whole number", lambda raw: raw if isinstance(raw, int) and not isinstance(raw, bool) else None),
    float: Kind("a number", _number),
    str: Kind("a string", lambda raw: raw if isinstance(raw, str) else None),
    Path: Kind("a path", lambda raw: Path(raw) if isinstance(raw, str) and raw and "\0" not in raw else None),
    tuple[str, ...]: Kind("a list of strings", _strings),
}

_TOML_NAMES: dict[type, str] = {
    bool: "a truth value",
    int: "a whole number",
    float: "a number",
    str: "a string",
    list: "a list",
    dict: "a section",
}


def kind_of(hint: object) -> Kind:
    """The row of a field's type; enumerations list their words."""
    inner = required(hint)
    if isinstance(inner, type) and issubclass(inner, StrEnum):
        words = [word.value for word in inner]
        return Kind(
            " or ".join(f'"{word}"' for word in words),
            lambda raw: inner(raw) if raw in words else None,
        )
    return KINDS[inner]


def required(hint: object) -> object:
    """X of `X | None`, anything else as it is."""
    if is_optional(hint):
        return next(arg for arg in get_args(hint) if arg is not type(None))
    return hint


def is_optional(hint: object) -> bool:
    return get_origin(hint) in {Union, types.UnionType} and type(None) in get_args(hint)


def from_toml(hint: object, raw: object) -> object:
    """An empty string is "not set" where that is possible, because TOML has no null. Raises WrongValue."""
    if is_optional(hint) and raw == "":
        return None
    kind = kind_of(hint)
    value = kind.convert(raw)
    if value is None:
        given = _TOML_NAMES.get(type(raw), "a date or time")
        raise WrongValue(kind.name if type(raw) is str and kind.name.startswith('"') else f"{kind.name}, not {given}")
    return value


def from_environment(hint: object, text: str) -> object:
    """A TOML value, or for strings, paths and words the plain text; a list may be written with commas.

    Raises WrongValue.
    """
    raw = _toml_value(text)
    wanted = required(hint)
    if wanted == tuple[str, ...] and not isinstance(raw, list):
        raw = [item.strip() for item in text.split(",")]
    elif (wanted in {str, Path} or _is_enum(wanted)) and not isinstance(raw, str):
        raw = text
    return from_toml(hint, raw)


def _is_enum(hint: object) -> bool:
    return isinstance(hint, type) and issubclass(hint, StrEnum)


def _toml_value(text: str) -> object:
    try:
        table = tomllib.loads(f"value = {text}")
    except tomllib.TOMLDecodeError:
        return text
    return table["value"] if table.keys() == {"value"} else text  # a line end in it must not start a second key


def shown(raw: object) -> str:
    """A wrong value for a person: as TOML would write it, cut, on one line."""
    text = to_toml(raw)
    return text if len(text) <= MAX_SHOWN else text[:MAX_SHOWN] + "…"


def to_toml(value: object) -> str:
    """A value as our TOML files write it: None is ""."""
    if value is None:
        return '""'
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple | list):
        return "[" + ", ".join(to_toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {to_toml(item)}" for key, item in value.items()) + "}"
    return '"' + escaped(str(value)) + '"'


def escaped(text: str) -> str:
    """Text without quotes, backslashes or control characters of its own."""
    return "".join(_escape(character) for character in text)


def _escape(character: str) -> str:
    if character in '"\\':
        return "\\" + character
    if character.isprintable():
        return character
    return f"\\u{ord(character):04x}" if ord(character) <= 0xFFFF else f"\\U{ord(character):08x}"
