"""What stands when the faces are built, and where they put what they build."""

from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Protocol

from mailserver.auth.authenticator import Authenticator
from mailserver.auth.live_sessions import LiveSessions
from mailserver.clock import Clock
from mailserver.config.tree import Config, ListenerConfig
from mailserver.listening import Listener
from mailserver.metrics import Metrics
from mailserver.store.store import Store
from mailserver.tls.contexts import TlsContexts

TakeUp = Callable[[Config], None]


class Server(Protocol):
    """What the servers of all protocols have in common."""

    async def stop(self, seconds: float) -> None: ...


class ListeningServer(Server, Protocol):
    async def start(self, listener: ListenerConfig, /) -> Sequence[Listener]: ...


@dataclass(slots=True)
class Faces:
    """Filled while the server is built, emptied while it stops."""

    open: dict[str, Callable[[ListenerConfig], Awaitable[int]]] = field(default_factory=dict)  # listener → its port
    stopping: list[Server] = field(default_factory=list)

    def add(self, server: ListeningServer, *listeners: str) -> None:
        self.stopping.append(server)
        self.open |= {name: lambda listener: _start(server, listener) for name in listeners}


@dataclass(frozen=True, slots=True)
class House:
    config: Config  # at the start; `take_up` hears of changes
    clock: Clock
    metrics: Metrics
    tls: TlsContexts
    store: Store
    authenticator: Authenticator
    live: LiveSessions
    closing: AsyncExitStack  # whatever is to be closed at the end is registered here, last opened first
    take_up: list[TakeUp]  # who hears of a changed configuration
    faces: Faces


async def _start(server: ListeningServer, listener: ListenerConfig) -> int:
    [started] = await server.start(listener)
    return int(started.sockets[0].getsockname()[1])
