"""Where one session goes and what it must show: the values between route, dialling and session."""

from dataclasses import dataclass, field

from mailserver.config.tree import TlsMode
from mailserver.outbound_tls.policy import HostPolicy


@dataclass(frozen=True, slots=True)
class Login:
    username: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Target:
    host: str  # its name: for TLS, and for people
    address: str  # IP address
    port: int
    security: TlsMode  # NONE: clear text, whatever is offered
    policy: HostPolicy
    source: str | None = None  # our IP address
    login: Login | None = None
    is_relay: bool = False  # ours to configure: what it wants of us is no fault of the mail's
    gave_up: str = ""  # why TLS is not tried though it is offered: its handshake failed everywhere

    @property
    def shared_by(self) -> tuple[object, ...]:
        """Targets where this is the same may use one connection after the other."""
        policy = self.policy
        place = self.host, self.address, self.port, self.source, self.security, self.login, self.gave_up
        return *place, policy.level, policy.names, policy.needs_extension

    def __str__(self) -> str:
        return f"{self.host} [{self.address}]:{self.port}"
