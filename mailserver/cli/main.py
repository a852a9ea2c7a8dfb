"""`mailserver`: the command line. Nouns are files of their own and are imported only when they are used."""

import importlib
import os
import sys
from collections.abc import Callable
from pathlib import Path

import click

from mailserver.cli.context import DEFAULT_CONFIG, Context
from mailserver.cli.faults import EXIT_INTERRUPTED, EXIT_USAGE, report

# name → (where, what it does)
COMMANDS: dict[str, tuple[str, str]] = {
    "serve": ("mailserver.cli.serve:serve", "Run the server in the foreground."),
    "demo": ("mailserver.cli.demo:demo", "Run a complete server on loopback, to try it out."),
    "domain": ("mailserver.cli.domain:domain", "Domains whose mail ends here."),
    "user": ("mailserver.cli.user:user", "Accounts with a password, a quota and mailboxes."),
    "token": ("mailserver.cli.token:token", "App passwords and bearer tokens, one for each device."),
    "share": ("mailserver.cli.share:share", "Mailboxes that several users work with."),
    "calendar": ("mailserver.cli.collection:calendar", "Calendars of a user, and who else sees them."),
    "addressbook": ("mailserver.cli.collection:addressbook", "Address books of a user, and who else sees them."),
    "dav": ("mailserver.cli.dav:dav", "Files of events and contacts in and out."),
    "alias": ("mailserver.cli.alias:alias", "Addresses that stand for other addresses."),
    "contact": ("mailserver.cli.contact:contact", "People that users write to."),
    "dkim": ("mailserver.cli.dkim:dkim", "Keys that mail is signed with, and their DNS records."),
    "relay": ("mailserver.cli.relay:relay", "Servers that send our mail on."),
    "queue": ("mailserver.cli.queue:queue", "Mail on its way to other servers."),
    "bounce": ("mailserver.cli.bounce:bounce", "Mail that came back, and addresses not written to for a while."),
    "tls": ("mailserver.cli.tls:tls", "TLS to other servers: policies, what is remembered, reports."),
    "send-test": ("mailserver.cli.send_test:send_test", "Send one message to another server and show how it goes."),
    "deliver": ("mailserver.cli.deliver:deliver", "Put a message from standard input into a mailbox."),
    "migrate": ("mailserver.cli.migrate:migrate", "The database's schema."),
    "db": ("mailserver.cli.db:db", "The database file."),
    "fsck": ("mailserver.cli.fsck:fsck", "Compare database and mail folders; --repair brings them together."),
    "index": ("mailserver.cli.index:index", "The text index that searches use."),
    "config": ("mailserver.cli.config:config", "The configuration."),
    "version": ("mailserver.cli.version:version", "Versions of the server and of what it stands on."),
}
_ANYWHERE = {"--config", "--data"}  # options of the whole command, taken wherever they stand


class Commands(click.Group):
    """The table above as a group: listing it imports nothing."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module, _, name = COMMANDS[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, about) for name, (_, about) in COMMANDS.items()])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, _fronted(args))


def _fronted(args: list[str]) -> list[str]:
    """The options of the whole command first, so that `migrate up --data D` is understood too."""
    front = list[str]()
    rest = list[str]()
    left = list(args)
    while left and left[0] != "--":
        argument = left.pop(0)
        if argument in _ANYWHERE and left:
            front += [argument, left.pop(0)]
        else:
            (front if argument.partition("=")[0] in _ANYWHERE else rest).append(argument)
    return front + rest + left


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option(
    "--config",
    type=click.Path(path_type=Path, dir_okay=False),
    envvar="MAILSERVER_CONFIG",
    help=f"The configuration file.  [default: {DEFAULT_CONFIG}]",
)
@click.option(
    "--data",
    type=click.Path(path_type=Path, file_okay=False),
    help="The data folder; goes before server.data, and does without a configuration.",
)
@click.pass_context
def cli(ctx: click.Context, config: Path | None, data: Path | None) -> None:
    """A mail server: receives, stores, serves and submits mail."""
    ctx.obj = Context(config, data, dict(os.environ))


def main() -> None:
    """The console script."""
    sys.exit(run(lambda: cli.main(prog_name="mailserver", standalone_mode=False)))


def run(work: Callable[[], object]) -> int:
    """Do it and return the exit code; whatever goes wrong becomes one line on standard error."""
    try:
        outcome = work()
        sys.stdout.flush()
    except click.exceptions.Exit as done:
        return done.exit_code
    except click.Abort:
        click.echo("mailserver: interrupted", err=True)
        return EXIT_INTERRUPTED
    except click.ClickException as fault:
        where = f"; see '{fault.ctx.command_path} --help'" if isinstance(fault, click.UsageError) and fault.ctx else ""
        click.echo(f"mailserver: {fault.format_message().rstrip('.?')}{where}", err=True)
        return EXIT_USAGE
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at exit
        return 0
    except (Exception, KeyboardInterrupt) as fault:
        return report(fault)
    return outcome if isinstance(outcome, int) else 0
