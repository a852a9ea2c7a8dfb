"""How fast a provider takes mail, learned from what it says. Pure; seconds of any clock.

A provider that answers 421 or 45x in words about rates is given fewer connections and more time between them, a step
at a time. Each QUIET_SECONDS without such an answer take one step back. The words are kept, to be shown.
"""

import re
from dataclasses import dataclass

QUIET_SECONDS = 600.0  # without a complaint: one step back
SAME_SECONDS = 10.0  # complaints within it are one: connections that were open at the same time
MAX_REASON = 200  # characters


@dataclass(frozen=True, slots=True)
class Step:
    connections: int | None  # at once to all hosts of the provider; None: as configured
    gap: float  # seconds from one connection to the next


STEPS = (Step(None, 0.0), Step(4, 1.0), Step(2, 5.0), Step(1, 15.0), Step(1, 60.0), Step(1, 300.0))

# The first row that is found decides. What concerns one recipient or a greylist comes first: slowing down is no cure.
_TEXTS: tuple[tuple[re.Pattern[str], bool], ...] = tuple(
    (re.compile(pattern, re.I), is_rate)
    for pattern, is_rate in (
        (r"gr[ae]y[- ]?list", False),
        (r"too many recipients|4\.5\.3\b.*recipient", False),
        (r"mailbox|quota|(user|recipient).{0,40}receiving", False),  # Gmail: 4.2.1 of one account
        (r"\brate\b|rate[- ]?limit", True),
        (r"too (many|much|fast|frequent)", True),
        (r"throttl", True),
        (r"slow(ing)? down|back ?off|reduce your", True),
        (r"(exceed|maximum|limit).{0,60}(connection|session|message|mail)", True),
        (r"(connection|session|message|mail).{0,60}(exceed|maximum|limit)", True),
        (r"unusual (rate|volume)|unexpected volume|temporarily deferred due to", True),  # Gmail, Yahoo
        (r"4\.7\.\d+.*(busy|try again|later)|(busy|try again|later).*4\.7\.\d+", True),  # Outlook: 4.7.500
    )
)
_SECOND_LEVEL = frozenset({"ac", "co", "com", "edu", "gov", "net", "or", "org", "ne"})


def is_rate_reply(code: int, text: str) -> bool:
    """Whether a reply says that we are too fast."""
    if code != 421 and not 450 <= code < 460:
        return False
    return next((is_rate for pattern, is_rate in _TEXTS if pattern.search(text)), False)


def provider(host: str) -> str:
    """Whose host it is: "alt1.gmail-smtp-in.l.google.com" is google.com's. An address is its own."""
    labels = host.rstrip(".").lower().split(".")
    if labels[-1].isdigit() or ":" in host or host.startswith("["):
        return host
    kept = 3 if len(labels) > 2 and len(labels[-1]) == 2 and labels[-2] in _SECOND_LEVEL else 2
    return ".".join(labels[-kept:])


@dataclass(slots=True)
class Pace:
    """Of one provider."""

    level: int = 0  # of STEPS
    since: float = 0.0  # of the last complaint, or of the last step back
    reason: str = ""  # what it said

    def at(self, now: float) -> Step:
        """The step at this moment: time alone leads back."""
        while self.level > 0 and now - self.since >= QUIET_SECONDS:
            self.level -= 1
            self.since += QUIET_SECONDS
        if self.level == 0:
            self.reason = ""
        return STEPS[self.level]

    def complained(self, now: float, reason: str) -> None:
        self.at(now)
        if self.level == 0 or now - self.since >= SAME_SECONDS:
            self.level = min(self.level + 1, len(STEPS) - 1)
        self.since, self.reason = now, reason[:MAX_REASON]
