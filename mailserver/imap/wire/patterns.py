"""Mailbox patterns: "*" is any characters, "%" any but the hierarchy separator. RFC 9051 §6.3.9.

All patterns of a LIST are run at once, as a set of positions in the bits of one number, one step per character of
the name: the time is that of name times patterns whatever the wildcards, where trying them one after another takes
exponentially long (`%*%*%*x`).
"""

from collections.abc import Iterable

INBOX = "INBOX"


class Patterns:
    """Ready to be asked about many names."""

    def __init__(self, patterns: Iterable[str], separator: str = "/") -> None:
        self._separator = separator
        self._start = self._end = 0  # positions before the first and behind the last character of each pattern
        self._all = self._level = 0  # positions of "*" and of "%"
        self.length = 0  # characters of all of them: each of a name costs in proportion
        self._characters: dict[str, int] = {}  # positions of each other character
        place = 0
        for pattern in patterns:
            self.length = place = self._add(_collapsed(pattern), place)

    def _add(self, pattern: str, place: int) -> int:
        self._start |= 1 << place
        for character in pattern:
            if character == "*":
                self._all |= 1 << place
            elif character == "%":
                self._level |= 1 << place
            else:
                self._characters[character] = self._characters.get(character, 0) | 1 << place
            place += 1
        self._end |= 1 << place
        return place + 1

    def matches(self, name: str) -> bool:
        """Whether one of the patterns matches; INBOX, and it alone, does so without regard to case."""
        caseless = len(INBOX) if name == INBOX or name.startswith(INBOX + self._separator) else 0
        positions = self._past_wildcards(self._start)
        for place, character in enumerate(name):
            positions = self._step(positions, character, place < caseless)
            if not positions:
                return False
        return bool(positions & self._end)

    def _step(self, positions: int, character: str, caseless: bool) -> int:
        here = self._characters.get(character, 0)
        if caseless:
            here |= self._characters.get(character.lower(), 0)
        stay = self._all if character == self._separator else self._all | self._level
        return self._past_wildcards((positions & here) << 1 | positions & stay)

    def _past_wildcards(self, positions: int) -> int:
        """A wildcard may stand for nothing; two never stand side by side."""
        return positions | (positions & (self._all | self._level)) << 1


def _collapsed(pattern: str) -> str:
    """Each run of wildcards as one: "*" if it holds one, else "%"."""
    collapsed: list[str] = []
    for character in pattern:
        if character in "*%" and collapsed and collapsed[-1] in ("*", "%"):
            collapsed[-1] = max(collapsed[-1], character)  # "%" < "*"
        else:
            collapsed.append(character)
    return "".join(collapsed)
