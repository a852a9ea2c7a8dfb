"""A group of commands whose help says of each of them what it does, to the end of the sentence."""

import click

MAX_SUMMARY = 200  # characters; lines are wrapped


class Noun(click.Group):
    """click cuts summaries at the edge of the terminal, in the middle of what is to be known."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, each.get_short_help_str(MAX_SUMMARY)) for name, each in commands if each])
