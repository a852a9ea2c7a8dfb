"""The effective configuration for a person: each key, its value and where the value comes from."""

from collections.abc import Iterator
from dataclasses import fields, is_dataclass
from typing import Any, cast

from mailserver.config.load import Loaded, Source
from mailserver.config.values import to_toml


def flat(branch: object, above: str = "") -> Iterator[tuple[str, object]]:
    """(dotted key path, value) of every setting, in the order of the tree."""
    for item in fields(cast(Any, branch)):
        value = getattr(branch, item.name)
        path = f"{above}{item.name}"
        if is_dataclass(value):
            yield from flat(value, f"{path}.")
        else:
            yield path, value


def show(loaded: Loaded) -> str:
    """TOML that loads to the same tree, with the source behind what is not a default."""
    lines: list[str] = []
    section = ""
    for path, value in flat(loaded.config):
        above, _, key = path.rpartition(".")
        if above != section:
            section = above
            lines += ["", f"[{section}]"] if lines else [f"[{section}]"]
        lines.append(f"{key} = {to_toml(value)}{_NOTES[loaded.sources[path]]}")
    return "\n".join(lines) + "\n"


_NOTES = {Source.DEFAULT: "", Source.FILE: "  # file", Source.ENVIRONMENT: "  # environment"}


def as_json(loaded: Loaded) -> dict[str, dict[str, object]]:
    """Key path → value and source, of JSON's own types."""
    return {path: {"value": _plain(value), "source": loaded.sources[path].value} for path, value in flat(loaded.config)}


def _plain(value: object) -> object:
    if isinstance(value, tuple):
        return list(value)
    return value if value is None or isinstance(value, bool | int | float) else str(value)
