"""What delivery does to a header: forged fields out, trace fields on top, and nothing else. RFC 5321 §4.4."""

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from mailserver.errors import BadAddress, MailLoop, TooBig
from mailserver.mail import trace
from mailserver.mail.editing import HeaderBlock, is_named, is_result_of
from mailserver.mail.trace import Received
from mailserver.mail.transaction import Envelope
from mailserver.store.recipients import LocalRecipient, Resolved
from mailserver.store.staging import MEMORY_OCTETS, Incoming
from mailserver.store.store import Store

MAX_HEADER_OCTETS = MEMORY_OCTETS  # what can be looked at before the message is on the disk
LARGE_OCTETS = 16_384  # of a header; work on a larger one would hold up the event loop

P = ParamSpec("P")
T = TypeVar("T")


async def work(store: Store, incoming: Incoming, fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """fn(…), in a thread where the message's header is large."""
    if incoming.size > LARGE_OCTETS and b"\r\n\r\n" not in incoming.head(LARGE_OCTETS):
        return await store.in_thread(fn, *args, **kwargs)
    return fn(*args, **kwargs)


def read(incoming: Incoming, hostname: str, max_hops: int) -> HeaderBlock:
    """The header as it came, without results of checks that claim to be ours (RFC 8601 §5).

    Raises MailLoop for a message that passed too many servers (RFC 5321 §6.3), and TooBig.
    """
    block = HeaderBlock.parse(incoming.head(MAX_HEADER_OCTETS))
    if not block.ended and block.octets and incoming.size > block.octets:
        raise TooBig(f"The message's header is larger than {MAX_HEADER_OCTETS} octets")
    if block.count(b"received") > max_hops:
        raise MailLoop("Mail loop: the message passed too many servers")
    return block.without(is_result_of(hostname))


def check_reverse_path(reverse_path: str) -> None:
    """At MAIL: whether it can stand in Return-Path at all. Raises BadAddress."""
    try:
        trace.return_path(reverse_path)
    except ValueError:
        raise BadAddress("This reverse-path can not be written into a header") from None


def received(envelope: Envelope[Resolved], hostname: str, message_id: str, epoch: int) -> bytes:
    """Our Received field. `message_id` is ours, as in the 250 and in the log."""
    peer = envelope.peer
    only = envelope.recipients[0].address if len(envelope.recipients) == 1 else None
    return trace.received(
        Received(
            helo=peer.helo,
            address=peer.address,
            name=None,
            by=hostname,
            protocol=envelope.protocol,
            id=message_id,
            epoch=epoch,
            recipient=only,
            tls=(peer.tls.version, peer.tls.cipher) if peer.tls else None,
        )
    )


def render(
    block: HeaderBlock, reverse_path: str, received: bytes, local: tuple[LocalRecipient, ...], is_forwarded: bool
) -> tuple[bytes, bytes]:
    """The header as it is stored here, and as it is sent on; b"" for the one that is not needed."""
    stored = for_mailboxes(block, reverse_path, received, local) if local else b""
    return stored, for_servers(block, received) if is_forwarded else b""


def for_mailboxes(block: HeaderBlock, reverse_path: str, received: bytes, local: tuple[LocalRecipient, ...]) -> bytes:
    """As it is stored here: Return-Path is ours alone; Delivered-To only where it tells nobody of the others."""
    lines = [trace.return_path(reverse_path)]
    if len(local) == 1:
        lines.append(trace.delivered_to(local[0].address))
    return block.without(is_named(b"return-path")).with_first([*lines, received]).render()


def for_servers(block: HeaderBlock, received: bytes) -> bytes:
    """As it is sent on: with our Received, without Return-Path, which belongs to the last server."""
    return block.without(is_named(b"return-path")).with_first([received]).render()
