"""Sockets that listen, for every protocol alike: bound to all addresses of a listener, accepting until closed.

Connections are accepted here rather than by loop.create_server: ceilings are checked before a TLS handshake is
paid for, every handshake uses the certificate of the moment, and running out of descriptors is a pause.
"""

import asyncio
import errno
import socket
from collections.abc import Callable
from dataclasses import dataclass

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import ListenerConfig

BACKLOG = 512
ACCEPT_PAUSE_SECONDS = 0.5  # after accepting failed, mostly for want of descriptors
_NO_SUCH_FAMILY = frozenset({errno.EAFNOSUPPORT, errno.EADDRNOTAVAIL, errno.EPROTONOSUPPORT})

Admit = Callable[[socket.socket, str], None]  # a new connection and its peer's address

_log = structlog.get_logger("listening")


@dataclass(slots=True)
class Listener:
    sockets: tuple[socket.socket, ...]
    tasks: tuple["asyncio.Task[None]", ...]

    @staticmethod
    def open(config: ListenerConfig, clock: Clock, admit: Admit) -> "Listener":
        """On all addresses; port 0 takes one free port for all of them. Raises OSError."""
        sockets = bind(config.addresses, config.port)
        tasks = tuple(asyncio.create_task(_accept(listening, clock, admit), name="accept") for listening in sockets)
        return Listener(sockets, tasks)

    async def close(self) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        for listening in self.sockets:
            listening.close()


def last_word(accepted: socket.socket, line: bytes) -> None:
    """To a connection that nobody will serve; never waits."""
    accepted.setblocking(False)
    try:
        accepted.send(line)
    except OSError as fault:
        _log.debug("refused peer did not listen", error=str(fault))


async def _accept(listening: socket.socket, clock: Clock, admit: Admit) -> None:
    loop = asyncio.get_running_loop()
    while True:
        try:
            accepted, address = await loop.sock_accept(listening)
        except OSError as fault:
            if fault.errno != errno.ECONNABORTED:  # that one: the peer changed its mind
                _log.warning("could not accept", error=str(fault))  # EMFILE, ENFILE: the connection waits
                await clock.sleep(ACCEPT_PAUSE_SECONDS)
            continue
        admit(accepted, str(address[0]))


def bind(addresses: tuple[str, ...], port: int) -> tuple[socket.socket, ...]:
    """Port 0 takes one free port for all of them. Raises OSError."""
    sockets: list[socket.socket] = []
    fault = OSError(errno.EADDRNOTAVAIL, "no address to listen on")
    for address in addresses:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        try:
            listening = socket.create_server((address, port), family=family, backlog=BACKLOG)
        except OSError as error:
            fault = error
            if error.errno in _NO_SUCH_FAMILY and len(addresses) > 1:
                continue  # "::" on a machine without IPv6
            for bound in sockets:
                bound.close()
            raise
        listening.setblocking(False)
        port = listening.getsockname()[1]
        sockets.append(listening)
    if not sockets:
        raise fault
    return tuple(sockets)
