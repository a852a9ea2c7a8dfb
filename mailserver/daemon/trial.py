"""One message to one address, at once and under a person's eyes: the queue's own way, without its waiting.

The row is leased to this run from the transaction that adds it, so that a running server leaves it alone. It is tried
once: what would be tried again is cancelled. A crash in between leaves a row whose lease ends, as any other's.
"""

import os
import secrets
from contextlib import AsyncExitStack
from dataclasses import dataclass

from mailserver.config.tree import Config
from mailserver.daemon.way_out import open_way_out
from mailserver.dkim.sign import Signer
from mailserver.dns.resolver import DnsResolver
from mailserver.errors import BadAddress
from mailserver.mail.dates import format_date
from mailserver.mail.transaction import Body
from mailserver.remote.consignment import Consignment, Result, Verdict
from mailserver.remote.gates import OpenGates
from mailserver.remote.transcript import Listener
from mailserver.store import queue, queue_orders, queue_record, queue_single, recipients, spool
from mailserver.store.database import Tx
from mailserver.store.queue import Outgoing, QueueRecipient
from mailserver.store.queue_record import Settled
from mailserver.store.queue_states import Event
from mailserver.store.spool import Spooled
from mailserver.store.store import Store
from mailserver.text import split_address

LEASE_MS = 3_600_000  # longer than one attempt may take
ONCE = "A test message is tried once"
NOTIFY_NOBODY = "NEVER"
ID_OCTETS = 16

_EVENTS = {
    Verdict.DELIVERED: Event.DELIVER,
    Verdict.RELAYED: Event.RELAY,
    Verdict.DEFERRED: Event.DEFER,
    Verdict.FAILED: Event.BOUNCE,
    Verdict.NOT_TRIED: Event.RETURN,
}


@dataclass(frozen=True, slots=True)
class Trial:
    sender: str
    recipient: str
    require_tls: bool = False  # RFC 8689
    tls_optional: bool = False  # as "TLS-Required: No" would have it


async def send(store: Store, config: Config, message: Trial, listener: Listener) -> Result:
    """What became of it; `listener` hears the conversation. Raises BadAddress for one that is here, BadValue."""
    destination = await _destination(store, config, message.recipient)
    async with AsyncExitStack() as closing:
        resolver = DnsResolver(config.dns, store.clock)
        closing.push_async_callback(resolver.close)
        signer = Signer(store, store.clock, config.dkim)
        closing.callback(signer.close)
        way = await open_way_out(store, resolver, signer, OpenGates(), config, closing)
        header, body = _compose(store, config, message)
        signature = await signer.sign_as_written(header, message.sender, [body])
        staged = await store.stage_bytes(signature + header + b"\r\n" + body)
        worker = f"send-test-{os.getpid()}-{secrets.token_hex(8)}"
        entry = await store.write_prepared(
            lambda: spool.prepare(store, staged), lambda tx, spooled: _add(tx, worker, message, spooled)
        )
        [result] = await way.remote.carry(Consignment((entry,), destination), listener=listener)
        await store.write(_settle, worker, result)
        return result


async def _destination(store: Store, config: Config, address: str) -> str:
    try:
        _, destination = split_address(address)
    except ValueError as wrong:
        raise BadAddress(str(wrong)) from None
    if await store.read(recipients.resolve, address, config.server.hostname) is not None:
        raise BadAddress(f"{address} is on this server: a test message goes to another one")
    return destination


def _compose(store: Store, config: Config, message: Trial) -> tuple[bytes, bytes]:
    hostname = config.server.hostname
    fields = {
        "From": f"<{message.sender}>",
        "To": f"<{message.recipient}>",
        "Subject": f"Test message from {hostname}",
        "Date": format_date(int(store.clock.now().timestamp())),
        "Message-ID": f"<{secrets.token_hex(ID_OCTETS)}@{hostname}>",
        "Auto-Submitted": "auto-generated",
        "MIME-Version": "1.0",
        "Content-Type": "text/plain; charset=us-ascii",
    }
    header = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    body = f"This is a test of mail delivery from {hostname}.\r\nNobody needs to answer it.\r\n"
    return header.encode(), body.encode()


def _add(tx: Tx, worker: str, message: Trial, spooled: Spooled) -> queue.Entry:
    outgoing = Outgoing(
        sender=message.sender,
        spooled=spooled,
        expires_at=tx.now_ms + LEASE_MS,
        body=Body.SEVEN_BIT,
        smtputf8=not (message.sender + message.recipient).isascii(),
        require_tls=message.require_tls,
        tls_optional=message.tls_optional,
    )
    return queue_single.add_leased(tx, worker, LEASE_MS, outgoing, QueueRecipient(message.recipient, NOTIFY_NOBODY))


def _settle(tx: Tx, worker: str, result: Result) -> None:
    [entry] = queue_record.record(tx, worker, [Settled(result.entry_id, _EVENTS[result.verdict], result.attempt)])
    if entry.ended_as is None:
        queue_orders.cancel(tx, [entry.id], ONCE)
