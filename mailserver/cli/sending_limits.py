"""--per-hour: how many recipients an account or a domain may send to, as people write it and read it."""

from collections.abc import Callable
from typing import Any, TypeVar

import click

DEFAULT = "default"

F = TypeVar("F", bound=Callable[..., Any])


class _PerHour(click.ParamType[Any]):
    name = "N"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int | str:
        if value == DEFAULT:
            return DEFAULT
        if isinstance(value, int):
            return value
        if not value.isascii() or not value.isdigit():
            self.fail(f'{value!r} is neither a number nor "{DEFAULT}"', param, ctx)
        return int(value)


def per_hour_option(setting: str) -> Callable[[F], F]:
    """`setting`: of the configuration, that "default" stands for."""
    return click.option(
        "--per-hour", type=_PerHour(), help=f"Recipients within an hour; 0: no limit; {DEFAULT}: {setting}."
    )


def chosen_limit(per_hour: int | str) -> int | None:
    return None if isinstance(per_hour, str) else per_hour


def shown_limit(limit: int | None) -> int | str:
    return DEFAULT if limit is None else limit or "no limit"


def limit_words(per_hour: int | str) -> str:
    if per_hour == DEFAULT:
        return "as many recipients an hour as the configuration says"
    return f"{per_hour} recipients an hour" if per_hour else "any number of recipients"
