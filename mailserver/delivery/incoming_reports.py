"""Notifications of other servers on their way to our users: read in passing, and believed only where they are about
something we sent. Whoever forges one must know the Message-ID of a message of ours and whom it went to."""

from collections.abc import Callable
from functools import partial

from mailserver.config.tree import BouncesConfig
from mailserver.delivery.arriving import Arriving
from mailserver.mail import bounces as reports
from mailserver.mail.bounces import MAX_OCTETS, Bounce
from mailserver.mail.reports import Action
from mailserver.store import bounces
from mailserver.store.bounces import Policy, Returned, Source
from mailserver.store.database import Tx
from mailserver.store.store import Store

MAX_IDS = 4  # of one report that are looked for


class IncomingReports:
    def __init__(self, store: Store, config: BouncesConfig) -> None:
        self._store = store
        self.reconfigure(config)

    def reconfigure(self, config: BouncesConfig) -> None:
        self._policy = Policy(config.suppress_after, config.within_days, config.suppress_days)

    async def read(self, arriving: Arriving) -> Callable[[Tx], None]:
        """What is to be done with it in the transaction that delivers it."""
        if arriving.envelope.reverse_path:
            return _nothing
        bounce = await self._store.in_thread(reports.parse, arriving.incoming.head(MAX_OCTETS))
        return _nothing if bounce is None else partial(_note, bounce, self._policy)


def _nothing(tx: Tx) -> None:
    """It is no notification."""


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
            text = each.diagnostic or "reported by another server"
            returned = Returned(address, each.status, each.is_hard, Source.REPORT, text, message_id)
            bounces.add(tx, returned, policy)
