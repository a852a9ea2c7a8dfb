"""DANE as the decision wants it: what the TLSA records of a host come to. RFC 7672 §2.2"""

from functools import partial

from mailserver.dns.answers import DnsFailure, Resolver
from mailserver.outbound_tls.dane import tlsa_of, verify
from mailserver.outbound_tls.decision import Dane
from mailserver.outbound_tls.policy import DaneFinding, MailHost


class TlsaRecords:
    def __init__(self, resolver: Resolver, port: int) -> None:
        self._resolver = resolver
        self._port = port

    async def find(self, host: MailHost) -> DaneFinding:
        """Only where DNSSEC vouches for the MX records: else whoever forges them names a host of his own."""
        if not host.is_secure:
            return DaneFinding()
        try:
            found = await tlsa_of(self._resolver, host.name, self._port)
        except DnsFailure as failed:
            return DaneFinding(Dane.FAILED, str(failed))
        if not found.records:
            return DaneFinding(Dane.NONE, found.reason)
        strings = tuple(map(str, found.records))
        if not found.usable:
            return DaneFinding(Dane.UNUSABLE, found.reason, strings)
        return DaneFinding(Dane.USABLE, found.reason, strings, partial(verify, found))
