"""`mailserver send-test`: one message, at once, with all that is said on the way."""

from typing import TYPE_CHECKING

import click

from mailserver.cli.context import Context

if TYPE_CHECKING:
    from mailserver.remote.consignment import Result
    from mailserver.remote.transcript import Line

EXIT_FAILED = 69  # EX_UNAVAILABLE
EXIT_LATER = 75  # EX_TEMPFAIL
VERDICTS = {
    "delivered": (0, "Delivered"),
    "relayed": (0, "Delivered to a server that can not report what becomes of it"),
    "deferred": (EXIT_LATER, "Not now: the queue would try again later"),
    "failed": (EXIT_FAILED, "Refused for good: the sender would get a report"),
    "not tried": (EXIT_LATER, "Not tried"),
}


@click.command("send-test")
@click.argument("address")
@click.option("--from", "sender", metavar="ADDRESS", help="The sender.  [default: postmaster of this host]")
@click.option("--require-tls", is_flag=True, help="Only over verified TLS that is kept all the way (REQUIRETLS).")
@click.option("--no-tls-policy", is_flag=True, help='As mail with "TLS-Required: No": rather in clear than not at all.')
@click.pass_obj
def send_test(context: Context, address: str, sender: str | None, require_tls: bool, no_tls_policy: bool) -> int:
    """Send one message to ADDRESS now and show the conversation, its TLS and what decided.

    It goes the way the queue's mail goes and is tried once. The exit code is 0 when it was taken, 75 when another try
    later might do, 69 when it was refused for good.
    """
    if require_tls and no_tls_policy:
        raise click.UsageError("--require-tls and --no-tls-policy contradict each other")
    from mailserver.daemon import trial

    config = context.loaded().config
    sender = sender or f"postmaster@{config.server.hostname}"
    message = trial.Trial(sender, address, require_tls, no_tls_policy)
    return _verdict(context.run(lambda store: trial.send(store, config, message, _show)))


def _show(line: "Line") -> None:
    from mailserver.log import safe

    click.echo(f"{line.direction.value} {safe(line.text)}")


def _verdict(result: "Result") -> int:
    from mailserver.log import safe

    code, words = VERDICTS[result.verdict.value]
    attempt = result.attempt
    click.echo()
    click.echo(words)
    if attempt is not None:
        answer = " ".join(str(part) for part in (attempt.code, attempt.status, attempt.text) if part)
        host = f"{attempt.host or 'no host'}" + (f" [{attempt.address}]" if attempt.address else "")
        for name, value in (("Host", host), ("TLS", attempt.tls), ("Answer", answer)):
            if value:
                click.echo(f"{name + ':':<8}{safe(value)}")
        click.echo(f"{'Took:':<8}{attempt.duration_ms / 1000:.2f} s")
    elif result.reason:
        click.echo(safe(result.reason))
    return code
