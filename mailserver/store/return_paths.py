"""Reverse-paths of forwarded mail: rewritten into a domain of ours, and back to the first sender. See mail/srs.py.

A sender that is too long for SRS, or quoted, stands behind a token: srs-<token>@our domain. What leaves for a sender of
our own may carry a reverse-path of its own as well, see mail/marked_paths.py.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from mailserver.errors import BadReturnAddress
from mailserver.mail import srs
from mailserver.mail.marked_paths import BadMark, Mark, Marks, is_marked
from mailserver.mail.srs import BadSrs, Srs
from mailserver.store import rewritten_senders
from mailserver.store.database import Rx, Tx
from mailserver.store.rewritten_senders import TOKEN_OCTETS

MAX_STEPS = 3  # from one rewritten address of ours to the next: a ring through another server ends at the second
DAY_MS = 86_400_000

_TOKEN = re.compile(r"srs-([a-z2-7]{24})", re.IGNORECASE | re.ASCII)


@dataclass(frozen=True, slots=True)
class ReturnPaths:
    """How our domains rewrite; the key never leaves the server."""

    srs: Srs
    marks: Marks

    def rewritten(self, tx: Tx, sender: str, domain: str, random: Callable[[int], bytes]) -> str:
        """The reverse-path of what `sender` sent to an address in `domain`, which is one of ours."""
        direct = self.direct(sender, domain, tx.now_ms)
        if direct is not None:
            return direct
        expires_at = tx.now_ms + self.srs.max_days * DAY_MS
        return f"srs-{rewritten_senders.token_for(tx, sender, expires_at, random(TOKEN_OCTETS))}@{domain}"

    def direct(self, sender: str, domain: str, now_ms: int) -> str | None:
        """The same where nothing need be written down for it."""
        return self.srs.forward(sender, domain, now_ms // 1000)

    def first_sender(self, rx: Rx, address: str, now_ms: int) -> str:
        """Who a bounce to this return address of ours is for. Raises BadReturnAddress, which says why not."""
        for _ in range(MAX_STEPS):
            address = self._back(rx, address, now_ms)
            if not is_returning(address) or not is_ours(rx, address):
                return address
        raise BadReturnAddress("This return address leads in a circle")

    def mark(self, address: str, now_ms: int) -> Mark:
        """Of a marked address of ours. Raises BadReturnAddress."""
        try:
            return self.marks.read(address, now_ms // 1000)
        except BadMark as fault:
            raise BadReturnAddress(f"This return address is not valid: {fault}") from None

    def _back(self, rx: Rx, address: str, now_ms: int) -> str:
        if is_marked(address):
            return self.mark(address, now_ms).sender
        if token := _TOKEN.fullmatch(address.rpartition("@")[0]):
            sender = rewritten_senders.find(rx, token[1], now_ms)
            if sender is None:
                raise BadReturnAddress("This return address is not valid: not made by this server, or too old")
            return sender
        try:
            return self.srs.reverse(address, now_ms // 1000)
        except BadSrs as fault:
            raise BadReturnAddress(f"This return address is not valid: {fault}") from None


def is_rewritten(address: str) -> bool:
    """Whether it has the form of a rewritten sender, ours or another server's."""
    return srs.is_rewritten(address) or _TOKEN.fullmatch(address.rpartition("@")[0]) is not None


def is_returning(address: str) -> bool:
    """Whether it has the form of an address that notifications come back to: a rewritten or a marked one."""
    return is_rewritten(address) or is_marked(address)


def is_ours(rx: Rx, address: str) -> bool:
    """Whether its domain is."""
    domain = address.rpartition("@")[2].lower()
    return rx.one("SELECT 1 FROM domains WHERE name = ? AND deleted_at IS NULL", domain) is not None


def belongs_here(rx: Rx, address: str) -> bool:
    """Whether it is a return address in a domain of ours."""
    return is_returning(address) and is_ours(rx, address)
