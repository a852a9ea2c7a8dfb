"""Which entries a command of `mailserver queue` is about: those named, or all that fit."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import click

from mailserver.errors import NoSuchQueueEntry
from mailserver.text import domain_name

if TYPE_CHECKING:
    from mailserver.store.database import Rx
    from mailserver.store.queue_states import State

F = TypeVar("F", bound=Callable[..., Any])

NULL_SENDER = "<>"
WAYS = ("--destination", "--sender", "--all")  # not each command has all
MAX_NAMED = 10  # entries that are named in the answer


@dataclass(frozen=True, slots=True)
class Choice:
    entry_ids: tuple[int, ...]
    destination: str | None
    sender: str | None
    everything: bool = False

    def require_one_way(self) -> None:
        """Raises click.UsageError where nothing is chosen, or in two ways."""
        ways = [bool(self.entry_ids), self.destination is not None or self.sender is not None, self.everything]
        if sum(ways) != 1:
            options = [each.opts[0] for each in click.get_current_context().command.params]
            *some, last = [option for option in WAYS if option in options]
            choices = f"{', '.join(some)} or {last}"
            raise click.UsageError(f"Name entries by their IDs, or choose them by {choices}")

    def ids(self, rx: "Rx", *states: "State") -> list[int]:
        """Those named, or the rows in one of these states that fit. Raises NoSuchQueueEntry where none does."""
        from mailserver.store import queue_search

        if self.entry_ids:
            return [*self.entry_ids]
        wanted = queue_search.Wanted(frozenset(states), self.destination, self.sender)
        found = [*queue_search.ids(rx, wanted)]
        if not found:
            raise NoSuchQueueEntry(f"No entry fits that is {' or '.join(states)}")
        return found


class Destination(click.ParamType[str]):
    """A domain, as rows name it, or an address literal."""

    name = "domain"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value)
        if text.startswith("["):
            return text
        try:
            return domain_name(text.removeprefix("@").rstrip("."))
        except ValueError as wrong:
            self.fail(str(wrong), param, ctx)


class EntryId(click.IntRange):
    name = "entry ID"  # stands in click's refusal of what is no number


class SenderAddress(click.ParamType[str]):
    """An address, "@domain" for a whole domain, "<>" for the null sender."""

    name = "address"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        text = str(value).removeprefix("<").removesuffix(">")
        if text and "@" not in text:
            self.fail(
                f"{value!r} is not an address; write @{text} for all of a domain, {NULL_SENDER} for none", param, ctx
            )
        return text


destination_option = click.option("--destination", type=Destination(), metavar="DOMAIN", help="Mail to this domain.")
sender_option = click.option(
    "--sender", type=SenderAddress(), metavar="ADDRESS", help=f"Of this sender; @DOMAIN, or {NULL_SENDER} for reports."
)
ids_argument = click.argument("entry_ids", type=EntryId(1), nargs=-1, metavar="[ID…]")


def chosen(function: F) -> F:
    """IDs, or --destination and --sender."""
    return ids_argument(destination_option(sender_option(function)))


def named(did: str, ids: list[int]) -> str:
    """What was done to them, in one line."""
    if len(ids) > MAX_NAMED:
        return f"{did} {len(ids)} entries"
    return f"{did} {', '.join(map(str, ids))}"
