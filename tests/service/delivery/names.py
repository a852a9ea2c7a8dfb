"""DNS names in memory, for what asks about senders; nothing else exists."""

from collections.abc import Mapping, Sequence

from mailserver.dns.answers import Answer, DnsFailure, Mx, Tlsa


class Names:
    def __init__(self, records: Mapping[tuple[str, str], Sequence[str]]) -> None:
        self.records = dict(records)
        self.broken: set[str] = set()

    validates = False
    why_not = "names in memory"

    async def txt(self, name: str) -> Answer[bytes]:
        found = self._found(name, "TXT")
        return Answer(tuple(each.encode() for each in found), bool(found), False, name)

    async def mx(self, name: str) -> Answer[Mx]:
        found = self._found(name, "MX")
        return Answer(tuple(Mx(10, host) for host in found), bool(found), False, name)

    async def addresses(self, name: str, *, ipv4: bool = True, ipv6: bool = True) -> Answer[str]:
        found = [*(self._found(name, "AAAA") if ipv6 else ()), *(self._found(name, "A") if ipv4 else ())]
        return Answer(tuple(found), bool(found), False, name)

    async def tlsa(self, name: str) -> Answer[Tlsa]:
        return Answer((), False, False, name)

    async def ptr(self, address: str) -> Answer[str]:
        found = self._found(address, "PTR")
        return Answer(tuple(found), bool(found), False, address)

    def _found(self, name: str, kind: str) -> Sequence[str]:
        if name in self.broken:
            raise DnsFailure(f"{kind} of {name}: SERVFAIL")
        return self.records.get((name.lower().rstrip("."), kind), ())
