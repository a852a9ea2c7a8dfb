"""`mailserver serve`: the server in the foreground, until SIGTERM or Ctrl-C."""

import os

import click

from mailserver.cli.context import Context
from mailserver.cli.lean import import_structlog


@click.command()
@click.pass_obj
def serve(context: Context) -> None:
    """Run the server in the foreground. SIGTERM stops it, SIGHUP reloads certificate, log and limits."""
    import_structlog()

    import structlog

    from mailserver.config.load import warnings
    from mailserver.config.tree import LogFormat
    from mailserver.daemon import process
    from mailserver.daemon.lifecycle import Lifecycle
    from mailserver.daemon.notify import Notifier
    from mailserver.daemon.run import Daemon
    from mailserver.daemon.way_out import carrier
    from mailserver.log import Log

    config = context.strict().config
    log = Log(level=config.log.level, as_json=config.log.format is LogFormat.JSON, file=config.log.file)
    process.prepare()
    for line in warnings(config):
        structlog.get_logger("config").warning(line)

    async def whole() -> None:
        await Lifecycle(Daemon(config, carrier=carrier), log, Notifier(os.environ), context.strict).run()

    try:
        process.run(whole())
    finally:
        log.close()
