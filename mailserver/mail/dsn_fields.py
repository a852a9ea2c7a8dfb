"""The part of a delivery status notification that programs read. RFC 3464 §2, RFC 6533 §3."""

from mailserver.mail import xtext
from mailserver.mail.dates import format_date
from mailserver.mail.editing import field_line
from mailserver.mail.reports import Action, RecipientStatus, Report, original_address
from mailserver.mail.strangers import plain, plain_address


def status(report: Report, is_global: bool) -> bytes:
    message = [("Reporting-MTA", f"dns; {report.reporting_mta}")]
    if report.envid:
        message.append(("Original-Envelope-Id", _shown(xtext.decode(report.envid), is_global)))
    message.append(("Arrival-Date", format_date(report.arrived)))
    blocks = [message, *[_recipient(each, is_global) for each in report.recipients]]
    return b"\r\n".join(b"".join(field_line(name, value) for name, value in block) for block in blocks)


def _recipient(recipient: RecipientStatus, is_global: bool) -> list[tuple[str, str]]:
    """RFC 3464 §2.3."""
    fields: list[tuple[str, str]] = []
    if recipient.orcpt:
        kind, _, _ = recipient.orcpt.partition(";")
        address = original_address(recipient.orcpt)
        fields.append(("Original-Recipient", f"{_shown(kind, is_global)}; {plain_address(address)}"))
    kind = "rfc822" if recipient.recipient.isascii() else "utf-8"
    fields.append(("Final-Recipient", f"{kind}; {plain_address(recipient.recipient)}"))
    fields += [("Action", recipient.action), ("Status", recipient.status)]
    if recipient.remote_mta:
        fields.append(("Remote-MTA", f"dns; {_shown(recipient.remote_mta, is_global)}"))
    if recipient.diagnostic:
        kind = "smtp" if recipient.is_reply else "X-Mailserver"
        fields.append(("Diagnostic-Code", f"{kind}; {_shown(recipient.diagnostic, is_global)}"))
    if recipient.last_attempt is not None:
        fields.append(("Last-Attempt-Date", format_date(recipient.last_attempt)))
    if recipient.retry_until is not None and recipient.action is Action.DELAYED:
        fields.append(("Will-Retry-Until", format_date(recipient.retry_until)))
    return fields


def _shown(text: str, is_global: bool) -> str:
    """For a field of the status part: UTF-8 only where its media type has it."""
    return plain(text if is_global else text.encode("ascii", "backslashreplace").decode("ascii"))
