"""What a method is: what runs it, and on which resources."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mailserver.dav.request import DavRequest
from mailserver.dav.response import Answer

Run = Callable[[DavRequest], Awaitable[Answer]]


@dataclass(frozen=True, slots=True)
class Row:
    run: Run
    on: tuple[type, ...]  # kinds of resources; on any other the method is not allowed (405)
