"""If-Match and If-None-Match: entity tags, "*". RFC 9110 §8.8.3, §13.1."""

import re
from dataclasses import dataclass

from mailserver.errors import BadRequest

MAX_ETAGS = 100  # of one header

_ETAG = re.compile(r'\s*(W/)?"([\x21\x23-\x7e\x80-\uffff]*)"\s*')


@dataclass(frozen=True, slots=True)
class ETags:
    """Tags without their quotes; weak ones apart, because If-Match compares strongly and ours are all strong."""

    any: bool = False  # "*"
    strong: frozenset[str] = frozenset()
    weak: frozenset[str] = frozenset()

    def matches(self, etag: str | None) -> bool:
        """For If-Match; None: nothing is there. RFC 9110 §13.1.1: the strong comparison."""
        return etag is not None and (self.any or etag in self.strong)

    def names(self, etag: str | None) -> bool:
        """For If-None-Match; None: nothing is there. RFC 9110 §13.1.2: the weak comparison."""
        return etag is not None and (self.any or etag in self.strong or etag in self.weak)


def parse(header: str, value: str | None) -> ETags | None:
    """None where the header is not there. Raises BadRequest: a condition that nobody understood must not pass."""
    if value is None:
        return None
    if value.strip() == "*":
        return ETags(any=True)
    tags: dict[bool, set[str]] = {True: set(), False: set()}
    for part in _parts(value):
        found = _ETAG.fullmatch(part)
        if found is None:
            raise BadRequest(f"{header} is * or a list of entity tags in quotes")
        tags[found[1] is not None].add(found[2])
    if not 0 < len(tags[True]) + len(tags[False]) <= MAX_ETAGS:
        raise BadRequest(f"{header} takes 1 to {MAX_ETAGS} entity tags")
    return ETags(False, frozenset(tags[False]), frozenset(tags[True]))


def _parts(value: str) -> list[str]:
    """At commas outside of quotes; empty elements are allowed, RFC 9110 §5.6.1.2."""
    return [part for part in re.findall(r'(?:[^,"]|"[^"]*"|")+', value) if part.strip()]
