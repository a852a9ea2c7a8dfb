"""How a message is to be treated on its way out, as its header says: after the others, without insisting on TLS."""

from mailserver.mail.editing import HeaderBlock
from mailserver.store.queue import Priority

BULK_WORDS = (b"bulk", b"list", b"junk")  # of Precedence; RFC 3834 §2 knows the field, programs write these


def priority(block: HeaderBlock, recipients: int = 1, bulk_recipients: int = 1) -> Priority:
    """Mail of a list, or for more than so many recipients, can wait until the letters have left."""
    is_bulk = (
        recipients > bulk_recipients
        or block.has(b"list-id")
        or any(value.strip().lower() in BULK_WORDS for value in block.values(b"precedence"))
    )
    return Priority.BULK if is_bulk else Priority.INTERACTIVE


def tls_optional(block: HeaderBlock, require_tls: bool) -> bool:
    """ "TLS-Required: No": rather in clear than not at all. The field stays, for the servers after us.

    REQUIRETLS goes before it. RFC 8689 §4.1, §5
    """
    values = [value.strip().lower() for value in block.values(b"tls-required")]
    return not require_tls and values == [b"no"]
