"""Mail to [tls_reports] address is read for TLS reports on its way in; it is delivered whatever is in it."""

from mailserver.config.tree import TlsReportsConfig
from mailserver.delivery.arriving import Arriving
from mailserver.outbound_tls.report_intake import ReportIntake
from mailserver.store.store import Store


class ReportStage:
    """A stage of local delivery."""

    def __init__(self, store: Store, config: TlsReportsConfig) -> None:
        self._intake = ReportIntake(store)
        self.reconfigure(config)

    def reconfigure(self, config: TlsReportsConfig) -> None:
        self._address = config.address.lower()

    async def __call__(self, arriving: Arriving) -> Arriving:
        if self._address and any(self._is_ours(recipient.address) for recipient in arriving.envelope.recipients):
            await self._intake.take(arriving.incoming.whole(None, 0), arriving.envelope.reverse_path)
        return arriving

    def _is_ours(self, address: str) -> bool:
        return address.lower() == self._address
