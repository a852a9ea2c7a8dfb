"""A command's row in the table: how its arguments are read, what it does, where it is legal."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from mailserver.imap.states import State
from mailserver.imap.wire.frames import AppendStart
from mailserver.imap.wire.reader import Reader

if TYPE_CHECKING:
    from mailserver.imap.session import Session


@dataclass(frozen=True, slots=True)
class Row:
    """`run` returns what follows OK in the tagged reply. Both may raise BadSyntax (BAD) and Refusal (NO)."""

    parse: Callable[[Reader], Any]
    run: "Callable[[Session, Any], Awaitable[bytes]]"
    states: frozenset[State]
    uid: bool = False  # a UID form exists; Reader.uid tells parse which one this is
    obsolete: bool = False  # not in IMAP4rev2, RFC 9051 appendix E
    holds_expunge: bool = False  # by number it may not be answered with EXPUNGE, RFC 9051 §7.5.1
    reports: bool = False  # tells in whole lines, so that INPROGRESS may come between them, RFC 9585
    capability: bytes = b""  # without it the command is unknown: it can be switched off, see capabilities.py
    on_deleted: bool = False  # legal although another session deleted the selected mailbox
    stream: "Callable[[Session, AppendStart], Awaitable[bytes]] | None" = None  # runs while its message comes in


Rows = dict[str, Row]


def no_arguments(r: Reader) -> None:
    r.end()
