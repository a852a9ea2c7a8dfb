"""`mailserver demo`: a complete server on loopback, to try it out; also what test programs start."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from mailserver.demo.settings import DEFAULT_BASE, LAST_BASE

if TYPE_CHECKING:
    from mailserver.demo.logins import Login
    from mailserver.tls.self_signed import SelfSigned


@click.command()
@click.option(
    "--dir",
    "folder",
    type=click.Path(path_type=Path, file_okay=False),
    default=Path("./var"),
    show_default=True,
    help="The data folder; kept for the next start.",
)
@click.option(
    "--port-base",
    type=click.IntRange(1, LAST_BASE),
    default=DEFAULT_BASE,
    show_default=True,
    metavar="N",
    help="SMTP gets N+25, submission N+87, submissions N+65, IMAP N+43, IMAPS N+93, POP3 N+10, POP3S N+95.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one line of JSON when everything accepts, nothing else.")
@click.option("--relaxed", is_flag=True, help="No limits by address and messages up to 100 MiB, for load tests.")
@click.option("--plain-auth", is_flag=True, help="Allow logins without TLS, which loopback does not need.")
def demo(folder: Path, port_base: int, as_json: bool, relaxed: bool, plain_auth: bool) -> None:
    """Run a complete server on loopback with two accounts and a few messages; Ctrl-C stops it."""
    from mailserver.daemon import process
    from mailserver.demo import facts
    from mailserver.demo.run import run
    from mailserver.log import Log

    process.prepare()
    data = folder.absolute()
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    log = Log(file=None if as_json else data / "mailserver.log")

    def started(ports: dict[str, int], files: "SelfSigned", logins: "Sequence[Login]") -> None:
        if as_json:
            print(facts.as_json(ports, files.ca, logins), flush=True)
            return
        from rich.console import Console

        from mailserver.demo import show

        show.show(Console(width=None if sys.stdout.isatty() else 110), ports, data, files.ca, logins)

    try:
        process.run(run(data, port_base, log, started, relaxed=relaxed, plain_auth=plain_auth))
    finally:
        log.close()
