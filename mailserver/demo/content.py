"""What the demo's accounts find in their mailboxes at the first start: real-looking messages, put in once."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from importlib import resources

from mailserver.mail.flags import FlagSet

_MOMENT = re.compile(r"\{([0-9]+) hours ago\}")


@dataclass(frozen=True, slots=True)
class Placement:
    """A message file and where it is: account, mailbox, flags."""

    file: str
    places: tuple[tuple[str, str, tuple[str, ...]], ...]


PLACEMENTS = (
    Placement("1-welcome.eml", (("ann", "INBOX", ()),)),
    Placement("2-meeting.eml", (("ann", "INBOX", ("\\Seen", "\\Answered")), ("ben", "Sent", ("\\Seen",)))),
    Placement("3-meeting-reply.eml", (("ben", "INBOX", ("\\Seen", "\\Answered")), ("ann", "Sent", ("\\Seen",)))),
    Placement("4-meeting-again.eml", (("ann", "INBOX", ("\\Flagged",)), ("ben", "Sent", ("\\Seen",)))),
    Placement("5-invoice.eml", (("ann", "INBOX", ()),)),
    Placement("6-picture.eml", (("ann", "INBOX", ()), ("ben", "INBOX", ()))),
)


@dataclass(frozen=True, slots=True)
class Letter:
    octets: bytes
    received: int  # epoch seconds
    places: tuple[tuple[str, str, FlagSet], ...]


def letters(now: datetime) -> list[Letter]:
    """The messages as of now, oldest first."""
    return [_letter(placement, now) for placement in PLACEMENTS]


def _letter(placement: Placement, now: datetime) -> Letter:
    text = (resources.files("mailserver.demo") / "messages" / placement.file).read_text("utf-8")
    dates = [now - timedelta(hours=int(hours)) for hours in _MOMENT.findall(text)]
    dated = _MOMENT.sub(lambda match: format_datetime(now - timedelta(hours=int(match[1]))), text)
    places = tuple((account, mailbox, FlagSet.of(flags)) for account, mailbox, flags in placement.places)
    return Letter(dated.replace("\n", "\r\n").encode(), int(dates[0].timestamp()), places)
