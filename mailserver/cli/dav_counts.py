"""What became of a file's objects: while it goes in, and at the end."""

import sys
from types import TracebackType
from typing import TYPE_CHECKING, Self

import click

from mailserver.log import safe

if TYPE_CHECKING:
    from mailserver.groupware.transport.taking_in import Counts


class Progress:
    """One line on a terminal that says how far it is; nothing in a pipe."""

    def __init__(self, file: str) -> None:
        self._file = file
        self._is_shown = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __call__(self, counts: "Counts") -> None:
        if self._is_shown:
            click.echo(f"\r{safe(self._file)}: {counts.done:,} …\x1b[K", err=True, nl=False)

    def __exit__(self, kind: type[BaseException] | None, fault: BaseException | None, at: TracebackType | None) -> None:
        if self._is_shown:
            click.echo("\r\x1b[K", err=True, nl=False)


def say(file: str, counts: "Counts", *, quiet: bool) -> None:
    """Faults on standard error; the counts, unless `quiet`."""
    for fault in counts.faults:
        click.echo(f"{file}:{fault.number}: {safe(f'{fault.uid}: ' if fault.uid else '')}{safe(fault.text)}", err=True)
    if counts.refused > len(counts.faults):
        click.echo(f"{file}: and {counts.refused - len(counts.faults)} more", err=True)
    for name, count in counts.left_out.items():
        click.echo(f"{file}: {count} {safe(name)} left out: which event of many it belongs to is not said", err=True)
    if not quiet:
        kept = f", {counts.kept} kept as they are (--replace replaces them)" if counts.kept else ""
        click.echo(
            f"{file}: {counts.added} added, {counts.replaced} replaced, {counts.unchanged} unchanged"
            f"{kept}, {counts.refused} refused"
        )


def fields(file: str, counts: "Counts") -> dict[str, object]:
    return {
        "file": file,
        "added": counts.added,
        "replaced": counts.replaced,
        "unchanged": counts.unchanged,
        "kept": counts.kept,
        "refused": counts.refused,
        "left_out": counts.left_out,
        "faults": [{"line": each.number, "uid": each.uid, "text": each.text} for each in counts.faults],
    }
