"""The If header: which resources must be in which state. RFC 4918 §10.4.

    If = ( 1*No-tag-list | 1*Tagged-list )
    No-tag-list = List
    Tagged-list = Resource-Tag 1*List
    List = "(" 1*Condition ")"
    Condition = ["Not"] ( State-token | "[" entity-tag "]" )

A list holds when all its conditions do; the header holds when one of its lists does.
"""

import re
from collections.abc import Callable, Collection
from dataclasses import dataclass

from mailserver.errors import BadRequest

MAX_CONDITIONS = 200

_TOKEN = re.compile(
    r'[ \t]*(?:(?P<uri><[^<>\s]*>)|(?P<etag>\[[ \t]*(?:W/)?"[^"]*"[ \t]*\])|(?P<word>\(|\)|Not\b))', re.I
)


@dataclass(frozen=True, slots=True)
class Condition:
    negated: bool
    token: str | None  # a state token: a lock's, or any other URI, which never holds
    etag: str | None  # without quotes; exactly one of the two


@dataclass(frozen=True, slots=True)
class State:
    """What a resource is in at the moment."""

    etag: str | None  # None: nothing is there
    tokens: Collection[str]  # of the locks that hold there


@dataclass(frozen=True, slots=True)
class StateList:
    resource: str | None  # the URI of its tag; None: the resource of the request
    conditions: tuple[Condition, ...]

    def holds(self, state: State) -> bool:
        return all(_holds(condition, state) for condition in self.conditions)


@dataclass(frozen=True, slots=True)
class IfHeader:
    lists: tuple[StateList, ...]

    def holds(self, state_of: Callable[[str | None], State]) -> bool:
        """`state_of`: by the tag's URI, None for the resource of the request."""
        return any(each.holds(state_of(each.resource)) for each in self.lists)

    @property
    def tokens(self) -> frozenset[str]:
        """All that the client shows; submitted even where they stand in a list that does not hold."""
        return frozenset(c.token for each in self.lists for c in each.conditions if c.token is not None)

    @property
    def resources(self) -> tuple[str | None, ...]:
        return tuple(dict.fromkeys(each.resource for each in self.lists))


def parse(value: str | None) -> IfHeader | None:
    """None where the header is not there. Raises BadRequest."""
    if value is None:
        return None
    words = _words(value)
    is_tagged = bool(words) and words[0][0] == "uri"
    lists = list[StateList]()
    at, resource, needs_list = 0, None, True
    while at < len(words):
        kind, text = words[at]
        if kind == "uri":
            if not is_tagged or (resource is not None and needs_list):
                raise BadRequest("If: lists have a resource each, or none has")
            resource, needs_list, at = text[1:-1], True, at + 1
            continue
        conditions, at = _list(words, at)
        lists.append(StateList(resource, conditions))
        needs_list = False
    if needs_list:
        raise BadRequest("If: a list of conditions in parentheses is missing")
    return IfHeader(tuple(lists))


def _list(words: list[tuple[str, str]], at: int) -> tuple[tuple[Condition, ...], int]:
    """The list that begins at this word, and where the next one is."""
    if words[at] != ("word", "("):
        raise BadRequest("If: conditions stand in parentheses")
    conditions, negated, at = list[Condition](), False, at + 1
    while at < len(words):
        kind, text = words[at]
        at += 1
        if kind == "uri":
            conditions.append(Condition(negated, text[1:-1], None))
        elif kind == "etag":
            conditions.append(Condition(negated, None, _etag(text)))
        elif text.lower() == "not" and not negated:
            negated = True
            continue
        elif text == ")" and conditions and not negated:
            return tuple(conditions), at
        else:
            break
        negated = False
    raise BadRequest("If: a list holds state tokens in <> and entity tags in []")


def _words(value: str) -> list[tuple[str, str]]:
    words, at, value = list[tuple[str, str]](), 0, value.rstrip(" \t")
    while at < len(value):
        found = _TOKEN.match(value, at)
        if found is None or len(words) > 4 * MAX_CONDITIONS:
            raise BadRequest("If: not as RFC 4918 §10.4 has it, or too long")
        words.append((str(found.lastgroup), found[str(found.lastgroup)]))
        at = found.end()
    return words


def _etag(text: str) -> str:
    """Weak ones are kept with their mark: they match nothing, as ours are strong."""
    inner = text[1:-1].strip()
    return inner[1:-1] if inner.startswith('"') else inner


def _holds(condition: Condition, state: State) -> bool:
    if condition.token is not None:
        return (condition.token in state.tokens) is not condition.negated
    return (state.etag is not None and condition.etag == state.etag) is not condition.negated
