"""Sizes as people type them: 500M, 2G, 1.5GiB, 0."""

import re

import click

_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,3})?)\s*([KMGT]?)(?:I?B)?", re.IGNORECASE | re.ASCII)
_POWERS = {"": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def octets_of(text: str) -> int:
    """Units are powers of 1024. Raises ValueError."""
    match = _SIZE.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!a} is not a size; write octets or 500M, 2G, 1.5GiB; 0 is no limit")
    return round(float(match[1]) * float(1024 ** _POWERS[match[2].upper()]))


class Size(click.ParamType[int]):
    name = "size"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if isinstance(value, int):
            return value
        try:
            return octets_of(str(value))
        except ValueError as wrong:
            self.fail(str(wrong), param, ctx)


SIZE = Size()
