"""Notifications of other servers on their way to our users: read in passing, and believed only where they are about
something we sent.

    to a marked reverse-path   about the one row that had it, whatever the report names and however it is written
    to a sender as he is       about the message of ours and the address it went to that the report names; whoever
                               forges one must know both

A marked reverse-path takes what programs write: notifications and automatic answers, which go to Return-Path.
"""

from collections.abc import Callable, Sequence
from functools import partial

from mailserver.clock import Clock
from mailserver.config.tree import BouncesConfig
from mailserver.delivery.arriving import Arriving
from mailserver.delivery.automatic import is_automatic
from mailserver.errors import BadReturnAddress
from mailserver.mail import bounces as reports
from mailserver.mail.bounces import MAX_OCTETS, Bounce, Bounced
from mailserver.mail.marked_paths import BadMark, Mark, Marks, is_marked
from mailserver.mail.reports import Action
from mailserver.mail.strangers import plain
from mailserver.store import bounces
from mailserver.store.bounces import Policy, Returned, Source
from mailserver.store.database import Tx
from mailserver.store.store import Store

MAX_IDS = 4  # of one report that are looked for
NO_WORDS = "reported by another server"


class IncomingReports:
    def __init__(self, store: Store, clock: Clock, config: BouncesConfig, marks: Marks | None = None) -> None:
        """`marks`: None where nothing leaves with a reverse-path of its own."""
        self._store = store
        self._clock = clock
        self._marks = marks
        self.reconfigure(config)

    def reconfigure(self, config: BouncesConfig) -> None:
        self._policy = Policy(config.suppress_after, config.within_days, config.suppress_days)

    async def read(self, arriving: Arriving) -> Callable[[Tx], None]:
        """What is to be done with it in the transaction that delivers it.

        Raises BadReturnAddress for mail of people to an address that is for programs.
        """
        reverse_path, marks = arriving.envelope.reverse_path, self._marks_of(arriving)
        if marks and not is_automatic(reverse_path, arriving.header):
            raise BadReturnAddress(
                f"This address takes nothing but notifications and automatic answers; write to <{marks[0].sender}>"
            )
        if reverse_path and not marks:
            return _nothing
        head = arriving.incoming.head(MAX_OCTETS)
        bounce = await self._store.in_thread(reports.parse, head)
        about = await self._store.in_thread(reports.about_one, head) if marks else None
        return partial(_note_all, bounce, about, marks, self._policy)

    def _marks_of(self, arriving: Arriving) -> Sequence[Mark]:
        """They were good at RCPT; one whose last day ended since says nothing any more."""
        addresses = [rcpt.address for rcpt in arriving.envelope.recipients if is_marked(rcpt.address)]
        epoch = int(self._clock.now().timestamp())
        return [mark for address in addresses if (mark := self._mark(address, epoch)) is not None]

    def _mark(self, address: str, epoch: int) -> Mark | None:
        try:
            return self._marks.read(address, epoch) if self._marks else None
        except BadMark:
            return None


def _nothing(tx: Tx) -> None:
    """It is no notification."""


def _note_all(bounce: Bounce | None, about: Bounced | None, marks: Sequence[Mark], policy: Policy, tx: Tx) -> None:
    """By the rows that had the reverse-paths; where those are forgotten already by what the report names."""
    known = [_note_row(mark.row, about, policy, tx) for mark in marks]
    if bounce is not None and not any(known):
        _note(bounce, policy, tx)


def _note_row(row: int, about: Bounced | None, policy: Policy, tx: Tx) -> bool:
    """Whether it is known what the row was about."""
    sent = bounces.sent_in(tx, row)
    if sent is not None and about is not None and about.action is Action.FAILED:
        named = about.address if bounces.as_compared(about.address) != bounces.as_compared(sent.recipient) else ""
        text = ": ".join(filter(None, (plain(named), about.diagnostic or NO_WORDS)))
        returned = Returned(sent.recipient, about.status, about.is_hard, Source.REPORT, text, sent.message_id)
        bounces.add(tx, returned, policy)
    return sent is not None


def _note(bounce: Bounce, policy: Policy, tx: Tx) -> None:
    for message_id in bounce.message_ids[:MAX_IDS]:
        sent_to = bounces.sent_to(tx, message_id)
        if sent_to:
            _note_each(bounce, message_id, sent_to, policy, tx)
            return


def _note_each(bounce: Bounce, message_id: str, sent_to: frozenset[str], policy: Policy, tx: Tx) -> None:
    for each in bounce.recipients:
        named = (bounces.as_compared(name) for name in (each.address, each.original) if name)
        address = next((name for name in named if name in sent_to), None)
        if address is not None and each.action is Action.FAILED:
            text = each.diagnostic or NO_WORDS
            returned = Returned(address, each.status, each.is_hard, Source.REPORT, text, message_id)
            bounces.add(tx, returned, policy)
