"""What goes wrong, as one line that says what to do, and an exit code after sysexits.h."""

import errno
import os
import traceback

import click

from mailserver.config.load import ConfigErrors
from mailserver.errors import Refusal

EXIT_FOUND = 1  # a check found something
EXIT_USAGE = 64
EXIT_NO_INPUT = 66
EXIT_SOFTWARE = 70
EXIT_OS = 71
EXIT_IO = 74
EXIT_PERMISSION = 77
EXIT_CONFIG = 78
EXIT_INTERRUPTED = 130

# errno → (exit code, what to do)
_ADVICE: dict[int, tuple[int, str]] = {
    errno.EACCES: (EXIT_PERMISSION, "run it as the user the server runs as, or as root"),
    errno.EPERM: (EXIT_PERMISSION, "run it as the user the server runs as, or as root"),
    errno.EROFS: (EXIT_IO, "the file system is read-only"),
    errno.ENOSPC: (EXIT_IO, "free some space"),
    errno.ENOENT: (EXIT_NO_INPUT, "check the path"),
    errno.ENOTDIR: (EXIT_NO_INPUT, "check the path"),
    errno.EADDRINUSE: (EXIT_OS, "stop the other program or choose another port"),
    errno.EADDRNOTAVAIL: (EXIT_OS, "choose an address of this machine"),
}


def report(fault: BaseException) -> int:
    """Say it on standard error; returns the exit code."""
    from mailserver.log import safe

    lines, code = explain(fault)
    for line in lines:
        click.echo(f"mailserver: {safe(line)}", err=True)
    if code == EXIT_SOFTWARE and os.environ.get("MAILSERVER_DEBUG"):
        click.echo("".join(traceback.format_exception(fault)), err=True)
    return code


def explain(fault: BaseException) -> tuple[list[str], int]:
    match fault:
        case Refusal():
            return [fault.text], fault.exit
        case ConfigErrors():
            return [f"config: {line}" for line in fault.faults], EXIT_CONFIG
        case KeyboardInterrupt():
            return ["interrupted"], EXIT_INTERRUPTED
        case OSError():
            code, advice = _ADVICE.get(fault.errno or 0, (EXIT_OS, ""))
            where = f"{fault.filename}: " if fault.filename else ""
            return [where + (fault.strerror or str(fault)) + (f"; {advice}" if advice else "")], code
        case _:
            what = f"{type(fault).__name__}: {fault}" if str(fault) else type(fault).__name__
            return [f"internal error: {what}; MAILSERVER_DEBUG=1 shows where"], EXIT_SOFTWARE
