"""A command's row in the table: how its argument is read, what it does, where it is legal."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mailserver.pop3.states import State

if TYPE_CHECKING:
    from mailserver.pop3.session import Session


@dataclass(frozen=True, slots=True)
class Row:
    """`run` returns what follows +OK, or None where it wrote its reply itself. Both may raise BadSyntax and Refusal."""

    parse: Callable[[bytes], Any]
    run: "Callable[[Session, Any], Awaitable[bytes | None]]"
    states: frozenset[State]


Rows = dict[bytes, Row]
