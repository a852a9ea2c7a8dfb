"""What EXAMINE forbids."""

from mailserver.errors import Refusal
from mailserver.imap.view import View


class ReadOnly(Refusal):
    imap, text = None, "The mailbox is selected read-only"


def require_writable(view: View) -> None:
    """Raises ReadOnly in a mailbox that was opened by EXAMINE. RFC 9051 §6.3.3."""
    if view.read_only:
        raise ReadOnly
