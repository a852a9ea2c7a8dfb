"""`mailserver db`: the database file."""

import dataclasses

import click

from mailserver.cli.context import Context
from mailserver.cli.faults import EXIT_FOUND
from mailserver.cli.noun import Noun
from mailserver.cli.output import json_option, octets, show_fields, show_json, show_table


@click.group(cls=Noun)
def db() -> None:
    """The database file."""


@db.command()
@json_option
@click.pass_obj
def info(context: Context, as_json: bool) -> None:
    """Versions, sizes, and how many rows each table has."""
    from mailserver.store import check as checks

    with context.connection(create=False) as connection:
        found = checks.info(connection)
    if as_json:
        show_json(dataclasses.asdict(found))
        return
    show_fields(
        {
            "path": found.path,
            "schema": f"{found.schema_version:03}",
            "sqlite": found.sqlite_version,
            "journal": found.journal_mode,
            "size": octets(found.octets),
            "free": octets(found.free_pages * found.page_size),
            "log": octets(found.wal_octets),
        },
        as_json=False,
    )
    show_table(("table", "rows"), [(table.name, table.rows) for table in found.tables], "No tables")


@db.command()
@json_option
@click.pass_obj
def check(context: Context, as_json: bool) -> int:
    """Read the whole file and check that every row refers to rows that are there; 1 where something is wrong."""
    from mailserver.store import check as checks

    with context.connection(create=False) as connection:
        found = checks.check(connection)
    if as_json:
        show_json({"sound": found.sound, **dataclasses.asdict(found)})
    else:
        for line in found.damage:
            click.echo(f"damage: {line}")
        for orphan in found.orphans:
            click.echo(f"orphan: row {orphan.row} of {orphan.table} refers to a row of {orphan.parent} that is gone")
        click.echo("The database is sound" if found.sound else "Stop the server and restore a backup")
    return 0 if found.sound else EXIT_FOUND
