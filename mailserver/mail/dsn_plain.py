"""The plainest notification that there is: what was not delivered, in ASCII, with nothing of what strangers wrote but
addresses. For the case that the real one (dsn.py) can not be made: a sender who hears little hears enough."""

from mailserver.mail.dates import format_date
from mailserver.mail.dsn import ID_OCTETS, Notification, Random
from mailserver.mail.dsn_words import SUBJECTS
from mailserver.mail.editing import field_line
from mailserver.mail.reports import RecipientStatus, Report

MAX_NAMED = 200  # recipients


def plainest(report: Report, now: int, random: Random) -> Notification:
    """`now`: epoch seconds."""
    host = _ascii(report.reporting_mta)
    fields = [
        ("Date", format_date(now)),
        ("From", f"Mail Delivery System <MAILER-DAEMON@{host}>"),
        ("To", "undisclosed-recipients:;"),
        ("Subject", SUBJECTS[report.recipients[0].action]),
        ("Message-ID", f"<{random(ID_OCTETS).hex()}@{host}>"),
        ("Auto-Submitted", "auto-replied"),
        ("MIME-Version", "1.0"),
        ("Content-Type", "text/plain; charset=us-ascii"),
    ]
    lines = ["What became of your message:", "", *map(_line, report.recipients[:MAX_NAMED])]
    if len(report.recipients) > MAX_NAMED:
        lines.append(f"and {len(report.recipients) - MAX_NAMED} more")
    lines += ["", "A fuller report could not be written; the server's log tells why.", ""]
    octets = b"".join(field_line(name, value) for name, value in fields) + b"\r\n" + "\r\n".join(lines).encode("ascii")
    return Notification(octets, smtputf8=False, is_8bit=False)


def _line(each: RecipientStatus) -> str:
    return f"<{_ascii(each.recipient)}>: {each.action.value} ({_ascii(each.status)})"


def _ascii(text: str) -> str:
    """One line of visible characters, whatever it was."""
    return "".join(letter if "!" <= letter <= "~" else "?" for letter in text)[:320]
