"""Who an account may write as: envelope sender, From and Sender must lead back to it. RFC 6409 §6.1, §8.1."""

from mailserver.errors import BadContent, SenderNotOwned
from mailserver.mail import addresses
from mailserver.mail.editing import HeaderBlock
from mailserver.store import recipients
from mailserver.store.database import Rx

MAX_SENDERS = 100  # addresses in From and Sender; each is looked up


def written_senders(block: HeaderBlock) -> list[str]:
    """The addresses of From and Sender, once each; none where the message has no From.

    Raises BadContent where a reader could not tell who wrote it: several From fields, or one without an address.
    """
    if block.count(b"from") > 1 or block.count(b"sender") > 1:
        raise BadContent("The message has more than one From or Sender field")
    found: dict[str, None] = {}
    for value in [*block.values(b"from"), *block.values(b"sender")]:
        entries = addresses.mailboxes(addresses.parse(value))
        if not entries or not all(map(addresses.addr_spec, entries)):
            raise BadContent("From and Sender hold complete addresses")
        if len(entries) > MAX_SENDERS:
            raise BadContent(f"From and Sender hold at most {MAX_SENDERS} addresses")
        found.update((addresses.addr_spec(entry).decode("utf-8", "replace"), None) for entry in entries)
    return [*found]


def require(rx: Rx, user_id: int, senders: list[str], hostname: str, max_depth: int) -> None:
    """Raises SenderNotOwned, naming the first address that is not the account's."""
    for sender in senders:
        if not recipients.may_send_as(rx, user_id, sender, hostname, max_depth):
            raise SenderNotOwned(f"This sender address does not belong to the account: {sender[:100]!a}")
