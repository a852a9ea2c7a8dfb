"""TLS reports of others about domains here: read from mail to [tls_reports] address, kept in the database. RFC 8460

The mail itself is delivered like any other. Reports are strangers' words: what they say is shown, never acted on.
"""

import structlog

from mailserver.errors import Refusal
from mailserver.outbound_tls.report_mail import read
from mailserver.outbound_tls.tls_report import BadReport, TlsReport, epoch_ms
from mailserver.store import domains, tls_reports
from mailserver.store.database import Tx
from mailserver.store.store import Store
from mailserver.store.tls_reports import ReceivedReport

_log = structlog.get_logger("outbound_tls")


class ReportIntake:
    def __init__(self, store: Store) -> None:
        self._store = store

    async def take(self, message: bytes | None, sender: str) -> bool:
        """Whether a report was kept. Never raises: the mail is delivered whatever is in it.

        `message`: None where it is too large to be in memory; no report is.
        """
        try:
            if message is None:
                raise BadReport("the message is larger than any report")
            report, text = await self._store.in_thread(read, message)
            is_new = await self._store.write(_keep, report, text, sender)
        except BadReport as fault:
            _log.info("no TLS report in the mail", sender=sender, reason=str(fault))
            return False
        except Refusal as fault:
            _log.warning("TLS report not kept", sender=sender, error=fault.text)
            return False
        words = "TLS report received" if is_new else "TLS report was there already"
        _log.info(words, organization=report.organization_name, report_id=report.report_id, failures=report.failures)
        return is_new


def _keep(tx: Tx, report: TlsReport, text: bytes, sender: str) -> bool:
    """Raises BadReport where it is about none of our domains."""
    ours = {domain.name for domain in domains.list(tx)}
    about = [domain for domain in report.domains if domain in ours]
    if not about:
        raise BadReport(f"the report is about {', '.join(report.domains)[:200]}, which is not here")
    return tls_reports.add(
        tx,
        ReceivedReport(
            id=0,
            received_at=tx.now_ms,
            organization=report.organization_name,
            report_id=report.report_id,
            contact=report.contact_info or "",
            domains=" ".join(about),
            begins_at=epoch_ms(report.date_range.start_datetime),
            ends_at=epoch_ms(report.date_range.end_datetime),
            successes=report.successes,
            failures=report.failures,
            sender=sender,
        ),
        text.decode("utf-8"),
    )
