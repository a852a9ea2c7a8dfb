"""What a report is: what runs it, and on which resources."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from mailserver.dav.request import DavRequest
from mailserver.dav.response import Answer
from mailserver.dav.subjects import Subject
from mailserver.dav.xml_reader import Element

Run = Callable[[DavRequest, Element], Awaitable[Answer]]
"""The request, whose body was read already, and the report's root element. The right to read is the run's to see to."""


@dataclass(frozen=True, slots=True)
class ReportRow:
    run: Run
    on: frozenset[Subject]  # on any other resource it is refused as not supported
