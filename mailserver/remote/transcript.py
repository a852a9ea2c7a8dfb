"""The conversation as it happens, for whoever asks to see it: `mailserver send-test` prints it."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum


class Direction(StrEnum):
    """As RFCs print conversations, and a mark for notes of ours."""

    SENT = "C:"
    RECEIVED = "S:"
    NOTE = "--"  # what happened besides: connections, TLS, decisions


@dataclass(frozen=True, slots=True)
class Line:
    direction: Direction
    text: str  # printable, without line end; secrets are not in it


Listener = Callable[[Line], None]


def nobody(line: Line) -> None:
    """Who listens where nobody asked."""
