"""What a notification says to people. Keys of MEANINGS: an enhanced status code (RFC 3463), "x" for any class."""

from collections.abc import Mapping

from mailserver.mail import encoded_words
from mailserver.mail.dates import format_date
from mailserver.mail.editing import HeaderBlock
from mailserver.mail.message_ids import message_id
from mailserver.mail.reports import Action, RecipientStatus, Report, original_address
from mailserver.mail.strangers import plain, plain_address

SUBJECTS: Mapping[str, str] = {
    "failed": "Not delivered",
    "delayed": "Delayed",
    "delivered": "Delivered",
    "relayed": "Passed on",
    "expanded": "Passed on to several",
}

OPENINGS: Mapping[str, str] = {
    "failed": "Your message could not be delivered to:",
    "delayed": "Your message is not delivered yet. You need not do anything: we keep trying, and tell you should\n"
    "it fail in the end. It still waits for:",
    "delivered": "Your message was delivered to:",
    "relayed": "Your message was passed on to the server of the following recipients. That server does not tell\n"
    "whether it delivers; you will hear of it only if it fails:",
    "expanded": "Your message was passed on to everybody behind:",
}

_ADDRESS = "check the address for typing errors, or ask the recipient for the right one in another way."
_LATER = "try again later, or reach the recipient in another way."
_ASK = "ask the recipient, or whoever runs their server, to let your mail in; tell them the reason above."
_OURS = "show this message to whoever runs your mail server."

# (what happened, what to do)
MEANINGS: Mapping[str, tuple[str, str]] = {
    "x.1.0": ("The recipient's server does not take mail for this address.", _ADDRESS),
    "x.1.1": ("There is no such address.", _ADDRESS),
    "x.1.2": ("There is no mail server for the part of the address after the @.", _ADDRESS),
    "x.1.3": ("The address is not written as addresses are.", _ADDRESS),
    "x.1.6": ("The recipient has moved and left no new address.", _ADDRESS),
    "x.1.10": ("The part of the address after the @ takes no mail at all.", _ADDRESS),
    "x.1.7": ("The recipient's server does not accept your address as a sender.", _OURS),
    "x.1.8": ("The recipient's server does not accept the domain of your address as a sender.", _OURS),
    "x.1": ("The recipient's server does not take mail for this address.", _ADDRESS),
    "x.2.1": ("The mailbox is switched off and takes no mail.", "reach the recipient in another way."),
    "x.2.2": ("The mailbox is full.", "wait until the recipient has made room, then send it again."),
    "x.2.3": ("The message is too big for this mailbox.", "send it smaller, or put large files somewhere to fetch."),
    "x.2": ("The recipient's mailbox could not take the message.", _LATER),
    "x.3.1": ("The recipient's server has no room left.", _LATER),
    "x.3.4": (
        "The message is too big for the recipient's server.",
        "send it smaller, or put large files somewhere to fetch.",
    ),
    "x.3": ("The recipient's server could not take the message.", _LATER),
    "x.4.4": ("The way to the recipient's server could not be found.", _ADDRESS),
    "x.4.6": ("The message went round in circles.", _OURS),
    "x.4.7": ("The recipient's server could not be reached, or did not take the message, for too long.", _LATER),
    "x.4": ("The recipient's server could not be reached.", _LATER),
    "x.5": ("The two servers did not understand one another.", _OURS),
    "x.6.7": (
        "The recipient's server does not know addresses with letters beyond a to z.",
        "write to another address of the recipient, or from another one of yours.",
    ),
    "x.6": ("The recipient's server can not take a message of this kind.", "send it as plain text, or in parts."),
    "x.7.1": ("The recipient's server refused the message.", _ASK),
    "x.7.10": ("The connection to the recipient's server was not safe enough.", _OURS),
    "x.7.26": ("The recipient's server could not verify that the message is from you.", _OURS),
    "x.7.30": ("The message was to be sent over verified encryption only, which the server does not have.", _LATER),
    "x.7": ("The recipient's server refused the message because of its rules.", _ASK),
    "2": ("It was delivered.", ""),
    "4": ("The recipient's server put the message off.", _LATER),
    "5": ("The recipient's server refused the message.", _ASK),
}


def words(report: Report, header: HeaderBlock, *, is_whole: bool) -> str:
    lines = [f"This is the mail server {report.reporting_mta}.", ""]
    for action in Action:
        about = [_about(recipient) for recipient in report.recipients if recipient.action is action]
        if about:
            lines += [*OPENINGS[action].split("\n"), ""]
        for each in about:
            lines += [*each, ""]
    lines += [*_facts(report, header), ""]
    lines.append("The message is attached." if is_whole else "The header of the message is attached.")
    return "\r\n".join(lines) + "\r\n"


def _about(recipient: RecipientStatus) -> list[str]:
    lines = [f"  {plain_address(recipient.recipient)}"]
    if (original := original_address(recipient.orcpt)) and original.lower() != recipient.recipient.lower():
        lines.append(f"    You wrote to: {plain_address(original)}")
    if recipient.action in {Action.FAILED, Action.DELAYED}:
        what, advice = meaning(recipient.status)
        lines.append(f"    {what}")
        if said := plain(recipient.diagnostic):
            by = f"The server {plain(recipient.remote_mta)} said" if recipient.remote_mta else "The reason"
            lines.append(f"    {by}: {said}")
        if recipient.action is Action.FAILED:
            lines.append(f"    What you can do: {advice}")
        elif recipient.retry_until is not None:
            lines.append(f"    We keep trying until {format_date(recipient.retry_until)}.")
    return lines


def _facts(report: Report, header: HeaderBlock) -> list[str]:
    found = [("Subject", encoded_words.decode(b" ".join(header.values(b"subject")[:1])))]
    found.append(("Sent", format_date(report.arrived)))
    found.append(("Message-ID", message_id(b" ".join(header.values(b"message-id")[:1]))))
    return ["Your message:", *[f"  {name}: {plain(value)}" for name, value in found if value]]


def meaning(status: str) -> tuple[str, str]:
    """(what happened, what to do) for an enhanced status code; by its detail, its subject, or its class."""
    kind, _, rest = status.partition(".")
    subject, _, detail = rest.partition(".")
    for key in (f"{kind}.{subject}.{detail}", f"x.{subject}.{detail}", f"x.{subject}", kind):
        if key in MEANINGS:
            return MEANINGS[key]
    return MEANINGS["5"]
