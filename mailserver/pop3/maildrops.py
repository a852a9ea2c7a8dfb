"""The maildrops of a server: each is open to one session at a time. RFC 1939 §4.

What a session does to the mailbox goes through here: \\Seen by and by, deletions all at once at its QUIT.
"""

import structlog

from mailserver.config.tree import Deletion
from mailserver.errors import Refusal
from mailserver.mail.flags import FlagMode, FlagSet
from mailserver.mailboxes.files import MessageFile
from mailserver.mailboxes.names import INBOX
from mailserver.mailboxes.service import Mailboxes
from mailserver.mailboxes.values import MessageGone
from mailserver.pop3.maildrop import Maildrop
from mailserver.pop3.refusals import MaildropInUse, NoSuchMessage, NothingDeleted

SEEN_BATCH = 100  # messages fetched before they are marked \Seen together; the rest when the session ends

_SEEN = FlagSet.of(["\\Seen"])
_log = structlog.get_logger("pop3")


class Maildrops:
    def __init__(self, mailboxes: Mailboxes) -> None:
        self._mailboxes = mailboxes
        self._open: set[int] = set()  # user ids

    def __len__(self) -> int:
        return len(self._open)

    async def open(self, user_id: int) -> Maildrop:
        """INBOX as it is now; to be given back by `close`. Raises MaildropInUse."""
        if user_id in self._open:
            raise MaildropInUse
        self._open.add(user_id)
        try:
            index, _ = await self._mailboxes.select(user_id, INBOX, claim_recent=False)
        except BaseException:
            self._open.discard(user_id)
            raise
        return Maildrop(index)

    async def close(self, drop: Maildrop) -> None:
        """What was marked as deleted and did not go stays."""
        try:
            await self._mark_seen(drop)
        finally:
            self._mailboxes.release(drop.index)
            self._open.discard(drop.index.mailbox.user_id)

    async def read(self, drop: Maildrop, number: int) -> MessageFile:
        """To be closed. Raises NoSuchMessage."""
        try:
            return await self._mailboxes.open(drop.index, drop.uid(drop.require(number)))
        except MessageGone:
            raise NoSuchMessage(f"Message {number} was removed meanwhile by another session") from None

    async def fetched(self, drop: Maildrop, number: int) -> None:
        """The client has the whole message. Marked in groups: a mailbox is fetched without a commit for each."""
        drop.fetched.append(drop.uid(number))
        if len(drop.fetched) >= SEEN_BATCH:
            await self._mark_seen(drop)

    async def delete(self, drop: Maildrop, deletion: Deletion) -> None:
        """All marked messages in one transaction, or none. Raises NothingDeleted.

        Messages that another session removed meanwhile are what the client wanted.
        """
        await self._mark_seen(drop)  # before they move
        uids = drop.deleted_uids()
        if not uids:
            return
        go = self._mailboxes.discard if deletion is Deletion.TRASH else self._mailboxes.remove
        try:
            await go(drop.index, uids)
        except Refusal as fault:
            raise NothingDeleted(f"None of {len(uids)} messages was deleted: {fault.text}") from fault

    async def _mark_seen(self, drop: Maildrop) -> None:
        """Never fails the command: the client has its messages, whatever becomes of the flag."""
        uids, drop.fetched = drop.fetched, []
        if not uids:
            return
        try:
            await self._mailboxes.set_flags(drop.index.mailbox.user_id, drop.index, uids, FlagMode.ADD, _SEEN)
        except Refusal as fault:
            user_id = drop.index.mailbox.user_id
            _log.warning("messages not marked as seen", user_id=user_id, count=len(uids), error=fault.text)
