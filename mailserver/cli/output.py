"""Listings: a table for people, lines for pipes, JSON for programs."""

import json
import sys
from collections.abc import Iterable, Sequence
from typing import Any

import click

json_option = click.option("--json", "as_json", is_flag=True, help="Print JSON instead of a table.")


def show_json(value: Any) -> None:
    """Control characters are escaped by JSON itself."""
    click.echo(json.dumps(value, ensure_ascii=False, indent=2))


def show_table(columns: Sequence[str], rows: Iterable[Sequence[object]], empty: str) -> None:
    """On a terminal with lines and room to wrap; in a pipe one row a line, parted by tabs."""
    from mailserver.log import safe

    cells = [[safe(_word(value)) for value in row] for row in rows]
    if not sys.stdout.isatty():
        for row in cells:
            click.echo("\t".join(row))
        return
    if not cells:
        click.echo(empty)
        return
    from rich.box import SIMPLE_HEAD
    from rich.console import Console
    from rich.table import Column, Table
    from rich.text import Text

    table = Table(*(Column(name, overflow="fold") for name in columns), box=SIMPLE_HEAD)  # half an address is none
    for row in cells:
        table.add_row(*(Text(cell) for cell in row))
    Console().print(table)


def show_list(columns: Sequence[str], rows: Sequence[dict[str, Any]], as_json: bool, empty: str) -> None:
    """Rows as JSON objects, or a table of the columns named."""
    if as_json:
        show_json(list(rows))
    else:
        show_table(
            [name.replace("_", " ") for name in columns], [[row[name] for name in columns] for row in rows], empty
        )


def show_fields(fields: dict[str, Any], as_json: bool) -> None:
    """One thing: `name  value` lines or a JSON object."""
    if as_json:
        show_json(fields)
        return
    from mailserver.log import safe

    width = max(map(len, fields), default=0)
    for name, value in fields.items():
        click.echo(f"{name.replace('_', ' '):<{width}}  {safe(_word(value))}".rstrip())


def octets(count: int) -> str:
    """For people: 1.5 MiB."""
    amount = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if amount < 1024:
            return f"{amount:.0f} {unit}" if amount == int(amount) else f"{amount:.1f} {unit}"
        amount /= 1024
    return f"{amount:.1f} TiB"


def _word(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case list() | tuple():
            return ", ".join(map(_word, value))
        case _:
            return str(value)
