"""Connecting: from the address that is configured, to one of theirs, in time."""

import asyncio
import ipaddress
import os
import socket
import ssl
from collections.abc import Iterable
from itertools import chain, zip_longest

from mailserver.outbound_tls.policy import TlsOutcome
from mailserver.remote.deadlines import Deadlines
from mailserver.remote.target import Target
from mailserver.remote.transcript import Direction, Line, Listener
from mailserver.remote.wire import Wire, WireFailed

MAX_ADDRESSES = 6  # of one host that are tried


def alternating(addresses: Iterable[str]) -> list[str]:
    """IPv6 and IPv4 in turn, IPv6 first, each family in its order: a family that is broken costs one timeout at most
    before the other one's turn. RFC 8305 §4; at most MAX_ADDRESSES."""
    known = list(dict.fromkeys(addresses))
    six = [address for address in known if ":" in address]
    four = [address for address in known if ":" not in address]
    return [address for address in chain.from_iterable(zip_longest(six, four)) if address][:MAX_ADDRESSES]


async def dial(target: Target, context: ssl.SSLContext | None, deadlines: Deadlines, listener: Listener) -> Wire:
    """Raises WireFailed; a TLS handshake that failed at once is one too."""
    listener(Line(Direction.NOTE, f"Connecting to {target}" + (f" from {target.source}" if target.source else "")))
    connection = await _connected(target, deadlines.connect)
    try:
        _, wire = await asyncio.get_running_loop().create_connection(
            Wire,
            sock=connection,
            ssl=context,
            server_hostname=target.host if context else None,
            ssl_handshake_timeout=deadlines.handshake if context else None,
        )
    except OSError as fault:
        connection.close()
        raise WireFailed(TlsOutcome.failed(in_words(fault)).words) from None
    except BaseException:
        connection.close()
        raise
    wire.listener = listener
    return wire


async def _connected(target: Target, seconds: float) -> socket.socket:
    version = ipaddress.ip_address(target.address).version
    connection = socket.socket(socket.AF_INET6 if version == 6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        connection.setblocking(False)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if target.source is not None:
            connection.bind((target.source, 0))
        async with asyncio.timeout(seconds):
            await asyncio.get_running_loop().sock_connect(connection, (target.address, target.port))
    except TimeoutError:
        connection.close()
        raise WireFailed(f"Could not connect within {seconds:g} seconds") from None
    except OSError as fault:
        connection.close()
        raise WireFailed(f"Could not connect: {in_words(fault)}") from None
    except BaseException:
        connection.close()
        raise
    return connection


def in_words(fault: OSError) -> str:
    if isinstance(fault, ssl.SSLError):
        return (fault.reason or str(fault)).replace("_", " ").lower()
    if fault.errno:
        return os.strerror(fault.errno).lower()
    return str(fault).lower() or "timed out"
