"""What a property is: a row of the table."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Flag, auto

from mailserver.dav.facts import Facts
from mailserver.dav.names import Name
from mailserver.dav.subjects import Subject
from mailserver.dav.xml_reader import Element

Value = Callable[[Facts], bytes | None]
"""The XML inside the property's element; None where this resource does not have it."""

Parse = Callable[[Element], object]
"""The value to be stored. Raises BadPropertyValue."""


class Need(Flag):
    """What a value is worded from beyond the resource itself, and is read only where it is asked for."""

    NONE = 0
    SHARES = auto()
    LOCKS = auto()
    QUOTA = auto()
    SOURCE = auto()


@dataclass(frozen=True, slots=True)
class Live:
    """A settable one: the field of CollectionChanges it goes into, and how."""

    field: str
    parse: Parse


@dataclass(frozen=True, slots=True)
class Property:
    """Not settable: protected, 403 cannot-modify-protected-property. RFC 4918 §9.2"""

    name: Name
    on: frozenset[Subject]
    value: Value
    in_allprop: bool = False
    needs: Need = Need.NONE
    live: Live | None = None
