"""`mailserver config`: what the configuration amounts to, and what is wrong with it."""

import click

from mailserver.cli.context import Context, quiet
from mailserver.cli.noun import Noun
from mailserver.cli.output import json_option, show_json


@click.group(cls=Noun)
def config() -> None:
    """The configuration: one TOML file, and the environment before it."""


@config.command()
@click.pass_obj
def check(context: Context) -> None:
    """Tell all that is wrong, the certificate's files included; the exit code is 78 or 0."""
    from mailserver.config.load import ConfigErrors, warnings
    from mailserver.errors import BadValue
    from mailserver.tls.contexts import TlsContexts

    loaded = context.strict()
    quiet()
    try:
        TlsContexts(loaded.config.tls)
    except BadValue as fault:
        raise ConfigErrors([fault.text]) from fault
    for line in warnings(loaded.config):
        click.echo(f"warning: {line}", err=True)
    click.echo(f"{loaded.file or 'environment'}: good")


@config.command()
@json_option
@click.pass_obj
def show(context: Context, as_json: bool) -> None:
    """Every key with its effective value; a comment names what is not a default."""
    from mailserver.config import render

    loaded = context.loaded()
    if as_json:
        show_json(render.as_json(loaded))
    else:
        click.echo(render.show(loaded), nl=False)


@config.command()
def example() -> None:
    """A configuration with every key, its default and its meaning."""
    from mailserver.config.example import example as text

    click.echo(text(), nl=False)
