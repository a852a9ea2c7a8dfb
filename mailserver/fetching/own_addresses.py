"""Whether an address is one of this machine's: nobody else's can be bound to. RFC 1122 §3.3.4"""

import socket

NOBODYS = "192.0.2.1"  # for documentation, RFC 5737; where this can be bound to, everything can (ip_nonlocal_bind)


def is_own(address: str) -> bool:
    return _can_bind(address) and not _can_bind(NOBODYS)


def _can_bind(address: str) -> bool:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as trial:
            trial.bind((address, 0))
    except OSError:
        return False
    return True
