"""Versions: ours, and those that a fault report needs."""

import platform

import click

from mailserver import __version__
from mailserver.cli.output import json_option, show_fields


@click.command()
@json_option
def version(as_json: bool) -> None:
    """Versions of the server and of what it stands on."""
    import ssl
    from importlib.metadata import version as of

    from pysqlite3 import dbapi2

    show_fields(
        {
            "mailserver": __version__,
            "python": platform.python_version(),
            "sqlite": dbapi2.sqlite_version,
            "openssl": ssl.OPENSSL_VERSION,
            **{name: of(name) for name in ("aiosmtpd", "aiosqlite", "cryptography", "uvloop")},
        },
        as_json,
    )
