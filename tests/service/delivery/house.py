"""A household, and a way to hand messages to delivery and submission as an SMTP session does."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mailserver.auth.account import Account
from mailserver.config.tree import DeliveryConfig, DkimConfig, QueueConfig, SmtpConfig
from mailserver.delivery.deliver import LocalDelivery
from mailserver.delivery.submission import Submission
from mailserver.dkim.sign import Signer
from mailserver.mail.transaction import Envelope, EnvelopeRecipient, Notify, Peer, Ret, Tls
from mailserver.store import aliases, domains, mailboxes, messages, queue, users
from mailserver.store.database import Rx, Tx
from mailserver.store.store import Store
from tests.fakes import FakeClock

HOST = "mail.example.test"
ANN, BOB = "ann@example.test", "bob@example.test"
PEER = Peer("192.0.2.7", "client.far.example", True, Tls("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256))
CLIENT = Peer("2001:db8::5", "[192.168.1.5]", True, Tls("TLSv1.3", "TLS_AES_256_GCM_SHA384", 256), ANN)


@dataclass
class House:
    store: Store
    clock: FakeClock
    delivery: LocalDelivery
    submission: Submission
    ann: Account

    async def receive(
        self, message: bytes, to: Sequence[str], sender: str = "x@far.example", size: int | None = None
    ) -> str:
        """As port 25 does it: MAIL, each RCPT, DATA."""
        await self.delivery.check_sender(sender, PEER)
        rcpts = tuple([EnvelopeRecipient(a, await self.delivery.resolve(a, size, sender)) for a in to])
        async with self.store.incoming() as incoming:
            await incoming.write(message)
            return await self.delivery.accept(Envelope(sender, rcpts, PEER, size=size), incoming)

    async def submit(
        self, message: bytes, to: Sequence[str], sender: str = ANN, notify: Notify = Notify.FAILURE, **wishes: Any
    ) -> str:
        """`wishes`: fields of the envelope."""
        await self.submission.check_sender(self.ann, sender)
        rcpts = tuple(
            [EnvelopeRecipient(a, await self.submission.resolve(self.ann, a, None), notify, "rfc822;" + a) for a in to]
        )
        async with self.store.incoming() as incoming:
            await incoming.write(message)
            envelope = Envelope(sender, rcpts, CLIENT, ret=Ret.HDRS, envid="QQ314159", **wishes)
            return await self.submission.accept(self.ann, envelope, incoming)

    async def inbox(self, address: str, name: str = "INBOX") -> list[bytes]:
        """What the files say, by UID."""
        return await self.store.read(self._inbox, address, name)

    def _inbox(self, rx: Rx, address: str, name: str) -> list[bytes]:
        mailbox = mailboxes.get(rx, users.get(rx, address).id, name)
        folder = self.store.maildir.root / mailbox.folder / "cur"
        return [next(folder.glob(f"{m.key}:2,*")).read_bytes() for m in messages.list(rx, mailbox.id)]

    async def queue(self) -> list[queue.Entry]:
        return await self.store.read(queue.list)

    def spool(self) -> list[Path]:
        return sorted(self.store.maildir.spool.iterdir())

    def staging(self) -> list[Path]:
        return sorted(self.store.maildir.staging.iterdir())


def fill(tx: Tx) -> None:
    domains.add(tx, "example.test")
    for address in (ANN, BOB, "off@example.test"):
        users.add(tx, address, "$argon2id$unused")
    users.set_active(tx, "off@example.test", False)
    aliases.add(tx, "team@example.test", [ANN, BOB, "friend@far.example"])
    aliases.add(tx, "away@example.test", ["friend@far.example"])


async def furnish(store: Store, clock: FakeClock) -> House:
    await store.write(fill)
    smtp, delivery, outbound = SmtpConfig(submission_per_hour=10, max_hops=50), DeliveryConfig(), QueueConfig()
    ann = await store.read(users.get, ANN)
    return House(
        store,
        clock,
        LocalDelivery(store, clock, HOST, smtp, delivery, outbound),
        Submission(store, clock, HOST, smtp, delivery, outbound, Signer(store, clock, DkimConfig())),
        Account(ann.id, ANN, "Ann", False),
    )


def fields(message: bytes) -> list[bytes]:
    """Names in order, folded lines joined."""
    head = message.partition(b"\r\n\r\n")[0].replace(b"\r\n\t", b" ").replace(b"\r\n ", b" ")
    return head.split(b"\r\n")
