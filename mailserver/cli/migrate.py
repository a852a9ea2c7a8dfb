"""`mailserver migrate`: the schema's versions."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from mailserver.cli.context import Context, NoDatabase
from mailserver.cli.noun import Noun
from mailserver.cli.output import json_option, show_list

if TYPE_CHECKING:
    from mailserver.store.migration_files import Migration


@click.group(cls=Noun)
def migrate() -> None:
    """The database's schema. `serve` brings it up to date by itself; before an upgrade a copy is kept."""


@migrate.command()
@json_option
@click.pass_obj
def status(context: Context, as_json: bool) -> None:
    """Every migration with its state: applied, pending, changed, skipped or unknown."""
    from mailserver.store import migrate as migrations

    try:
        with context.connection(create=False) as connection:
            states = migrations.status(connection)
    except NoDatabase:
        states = [_pending(migration) for migration in migrations.find()]
    rows = [
        {"version": each.version, "name": each.name, "state": each.state.value, "applied": each.applied_at}
        for each in states
    ]
    show_list(("version", "name", "state", "applied"), rows, as_json, "No migrations")


@migrate.command()
@click.option("--dry-run", is_flag=True, help="Try it on a copy that is thrown away.")
@click.pass_obj
def up(context: Context, dry_run: bool) -> None:
    """Apply all that is pending; makes the database where there is none."""
    _migrate(context, None, dry_run)


@migrate.command()
@click.argument("version", type=click.IntRange(1, 999))
@click.option("--dry-run", is_flag=True, help="Try it on a copy that is thrown away.")
@click.pass_obj
def to(context: Context, version: int, dry_run: bool) -> None:
    """Apply what is pending up to VERSION. There is no way down: restore the copy instead."""
    _migrate(context, version, dry_run)


@migrate.command()
@click.argument("name")
@click.option("--folder", type=click.Path(path_type=Path, exists=True, file_okay=False), default=Path("migrations"))
def create(name: str, folder: Path) -> None:
    """For developers: a new file with the next number, to be filled in."""
    from mailserver.store import migrate as migrations

    click.echo(migrations.create(folder, name))


def _migrate(context: Context, version: int | None, dry_run: bool) -> None:
    from mailserver.store import migrate as migrations

    with context.connection(create=True) as connection:
        applied = migrations.up(connection, version, dry_run)
        now = migrations.version(connection)
    for migration in applied:
        click.echo(f"{'would apply' if dry_run else 'applied'} {migration.label}")
    click.echo(_outcome(applied, now, dry_run))


def _outcome(applied: "Sequence[Migration]", now: int, dry_run: bool) -> str:
    if dry_run:
        return f"The schema is at {now:03}; nothing was changed"
    return f"The schema is at {now:03}" if applied else f"Nothing to do: the schema is at {now:03}"


def _pending(migration: "Migration") -> Any:
    from mailserver.store.migrate import MigrationState, State

    return MigrationState(migration.version, migration.name, State.PENDING, None)
