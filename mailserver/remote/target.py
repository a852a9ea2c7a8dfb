"""Where one session goes and what it must show: the values between route, dialling and session."""

from dataclasses import dataclass, field
from enum import StrEnum

from mailserver.outbound_tls.policy import HostPolicy


class Security(StrEnum):
    """How a connection becomes encrypted."""

    STARTTLS = "starttls"
    IMPLICIT = "implicit"
    NONE = "none"  # clear text, whatever is offered


@dataclass(frozen=True, slots=True)
class Login:
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    """Equal targets may share a connection."""

    host: str  # its name: for TLS, and for people
    address: str  # IP address
    port: int
    security: Security
    policy: HostPolicy
    source: str | None = None  # our IP address
    login: Login | None = None
    is_relay: bool = False  # ours to configure: what it wants of us is no fault of the mail's
    gave_up: str = ""  # why TLS is not tried though it is offered: its handshake failed everywhere

    def __str__(self) -> str:
        return f"{self.host} [{self.address}]:{self.port}"
