"""`mailserver fsck`: database and disk, compared in both directions."""

import dataclasses

import click

from mailserver.cli.context import Context
from mailserver.cli.faults import EXIT_FOUND
from mailserver.cli.output import json_option, show_json, show_table


@click.command()
@click.option("--repair", is_flag=True, help="Bring both together; nothing that could be mail is thrown away.")
@json_option
@click.pass_obj
def fsck(context: Context, repair: bool, as_json: bool) -> int:
    """Compare database and mail folders; the exit code is 1 where something is left to repair.

    May run beside the server; files in staging/ are only looked at while it is stopped.
    """
    from mailserver.daemon.lock import is_served
    from mailserver.store import fsck as checks
    from mailserver.store.store import Store

    alone = not is_served(context.data())

    async def work(store: Store) -> list[checks.Problem]:
        return await checks.check(store, repair=repair, alone=alone)

    found = context.run(work)
    if as_json:
        show_json([dataclasses.asdict(problem) for problem in found])
    elif not found:
        click.echo("Database and mail folders agree")
    else:
        rows = [(each.kind, each.where, each.what, "repaired" if each.repaired else "") for each in found]
        show_table(("kind", "where", "what", ""), rows, "")
        left = sum(not each.repaired for each in found)
        click.echo(
            f"{len(found)} problems, {left} left" + ("" if repair or not left else "; --repair mends what can be")
        )
    return EXIT_FOUND if any(not each.repaired for each in found) else 0
