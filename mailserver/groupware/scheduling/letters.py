"""An iTIP message as mail: words for people, the message itself for their calendars. RFC 6047.

multipart/mixed
    multipart/alternative
        text/plain
        text/html
        text/calendar; method=…      what calendar programs read
    application/ics                  the same as a file, for those that only know attachments (Outlook, some phones)
"""

import html
from dataclasses import dataclass
from datetime import datetime

from mailserver.errors import InvalidCalendarData
from mailserver.ical import itip_tree
from mailserver.ical.itip_messages import Method
from mailserver.ical.itip_parties import address, components, sequence
from mailserver.ical.itip_tree import Part
from mailserver.ical.itip_words import Words, display_name, words
from mailserver.mail.dates import format_date
from mailserver.store.scheduling_mail import Waiting

FILE_NAME = "invite.ics"


@dataclass(frozen=True, slots=True)
class Letter:
    octets: bytes
    is_8bit: bool
    is_utf8: bool  # addresses in the header are beyond ASCII, RFC 6532


def compose(waiting: Waiting, message_id: str, now: datetime) -> Letter:
    """`message_id`: without angle brackets."""
    from email.message import EmailMessage  # only who invites people elsewhere needs it
    from email.policy import SMTP

    calendar = itip_tree.parse(waiting.data)
    is_utf8 = not (waiting.sender + waiting.recipient).isascii()
    told = words(Method(waiting.method), calendar, waiting.sender, is_update=_is_update(calendar))
    mail = EmailMessage(policy=SMTP.clone(utf8=is_utf8, max_line_length=76))
    mail["From"] = _mailbox(calendar, waiting.sender)
    mail["To"] = _mailbox(calendar, waiting.recipient)
    mail["Subject"] = told.subject
    mail["Date"] = format_date(int(now.timestamp()))
    mail["Message-ID"] = f"<{message_id}>"
    if waiting.is_automatic:
        mail["Auto-Submitted"] = "auto-replied"
    mail.set_content(told.text, cte="quoted-printable")
    mail.add_alternative(_html(told), subtype="html", cte="quoted-printable")
    text = waiting.data.decode()
    mail.add_alternative(text, subtype="calendar", cte="base64", params={"method": waiting.method})
    mail.add_attachment(waiting.data, maintype="application", subtype="ics", filename=FILE_NAME)
    return Letter(mail.as_bytes(), is_8bit=False, is_utf8=is_utf8)


def _is_update(calendar: Part) -> bool:
    return any(sequence(each) > 0 for each in components(calendar))


def _mailbox(calendar: Part, who: str) -> object:
    from email.headerregistry import Address

    local, _, domain = who.rpartition("@")
    lines = [line for each in components(calendar) for name in ("ORGANIZER", "ATTENDEE") for line in each.lines(name)]
    name = next((display_name(line) for line in lines if address(line) == who), "")
    try:
        return Address("" if name == who else name, local, domain)
    except (ValueError, IndexError):  # what no header can hold: it stays unsent, and the log says so
        raise InvalidCalendarData(f"Not a mail address: {who[:100]!a}") from None


def _html(told: Words) -> str:
    rows = "".join(
        f'<tr><th align="left">{html.escape(name)}</th><td>{html.escape(value)}</td></tr>' for name, value in told.facts
    )
    notes = f"<p>{html.escape(told.notes).replace(chr(10), '<br>')}</p>" if told.notes else ""
    return f"<!DOCTYPE html><html><body><p>{html.escape(told.opening)}</p><table>{rows}</table>{notes}</body></html>\n"
