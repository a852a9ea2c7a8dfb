"""What the domain name system says, as values; and that it said nothing we can use."""

from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    records: tuple[T, ...]  # () with exists=True: the name is there, but no record of this type
    exists: bool  # False: there is no such name (NXDOMAIN)
    is_secure: bool  # validated with DNSSEC by a resolver that is believed; False otherwise
    name: str  # after CNAMEs, lower case A-labels without the dot at the end


@dataclass(frozen=True, slots=True)
class Mx:
    preference: int
    host: str  # A-labels, lower case, no dot at the end; "" for the root, the null MX of RFC 7505


@dataclass(frozen=True, slots=True)
class Tlsa:
    """RFC 6698 §2.1, RFC 7218"""

    usage: int
    selector: int
    matching: int
    data: bytes

    def __str__(self) -> str:
        return f"{self.usage} {self.selector} {self.matching} {self.data.hex()}"


class DnsFailure(Exception):  # noqa: N818 - a claim
    """The question got no answer that can be used: try later, never take it for a verdict. Its text says why."""


class Resolver(Protocol):
    """Each question may raise DnsFailure. Names may be U-labels; what can not be a name does not exist."""

    @property
    def validates(self) -> bool:
        """Whether is_secure can be True."""

    @property
    def why_not(self) -> str:
        """In words why it can not; "" where it can."""

    async def mx(self, name: str) -> Answer[Mx]: ...

    async def addresses(self, name: str, *, ipv4: bool = True, ipv6: bool = True) -> Answer[str]:
        """AAAA before A."""

    async def txt(self, name: str) -> Answer[bytes]:
        """The strings of one record joined."""

    async def tlsa(self, name: str) -> Answer[Tlsa]:
        """`name` as in "_25._tcp.mx.example"."""

    async def cname(self, name: str) -> Answer[str]:
        """What the name itself is an alias of, and whether that is secure; nothing is followed."""

    async def ptr(self, address: str) -> Answer[str]: ...
