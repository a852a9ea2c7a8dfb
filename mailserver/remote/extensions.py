"""What a server offers: the keywords of its EHLO reply. RFC 5321 §4.1.1.1."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field

from mailserver.remote.replies import Reply

MAX_DIGITS = 18  # of a number that is believed

_OLD_AUTH = re.compile(r"AUTH=(.*)", re.I)  # as before RFC 2554; some servers still say only this


@dataclass(frozen=True, slots=True)
class Extensions:
    keywords: frozenset[str] = frozenset()  # upper case
    size: int | None = None  # octets, the most it takes; None: not told, or no limit
    logins: tuple[str, ...] = ()  # SASL mechanisms, upper case
    max_recipients: int | None = None  # of one transaction, LIMITS RCPTMAX of RFC 9422
    max_messages: int | None = None  # of one connection, LIMITS MAILMAX
    name: str = field(default="", compare=False)  # what the server calls itself

    def offers(self, keyword: str) -> bool:
        return keyword in self.keywords


NOTHING = Extensions()


def parse(reply: Reply) -> Extensions:
    """Of the reply to EHLO; its first line is the server's name. Never raises."""
    parameters = _parameters(reply.lines[1:])
    limits = dict(_limit(word) for word in parameters.get("LIMITS", ()))
    return Extensions(
        keywords=frozenset(parameters),
        size=_number(next(iter(parameters.get("SIZE", ())), "")) or None,
        logins=tuple(word.upper() for word in parameters.get("AUTH", ())),
        max_recipients=_number(limits.get("RCPTMAX", "")) or None,
        max_messages=_number(limits.get("MAILMAX", "")) or None,
        name=(reply.lines[0].split() or [""])[0],
    )


def _parameters(lines: Iterable[str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in lines:
        if old := _OLD_AUTH.fullmatch(line.strip()):
            line = f"AUTH {old[1]}"  # noqa: PLW2901 - the same said properly
        if words := line.split():
            found.setdefault(words[0].upper(), []).extend(words[1:])
    return found


def _limit(word: str) -> tuple[str, str]:
    name, _, value = word.partition("=")
    return name.upper(), value


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() and len(text) <= MAX_DIGITS else 0
