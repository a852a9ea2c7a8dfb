"""Logging in to a relay: SCRAM-SHA-256, PLAIN or LOGIN, the best that it offers. RFC 4954, 5802, 7677, 4616.

Each is the client's side as a generator: it yields what is sent and is given what the server answered, decoded.
"""

import hashlib
import hmac
import re
import secrets
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Callable, Generator, Sequence

from mailserver.auth.sasl.scram import prepared
from mailserver.remote.target import Login

NONCE_OCTETS = 18
MAX_ITERATIONS = 1_000_000  # a server that asks for more wants our time

Exchange = Generator[bytes, bytes, None]
Random = Callable[[int], bytes]

_FIRST = re.compile(rb"r=([!-+\--~]+),s=([A-Za-z0-9+/=]+),i=([1-9][0-9]{0,8})(?:,.*)?", re.DOTALL)


class LoginFailed(Exception):  # noqa: N818 - what the server did
    """The exchange can not go on; the text says why."""


def plain(login: Login, random: Random) -> Exchange:
    yield f"\0{login.username}\0{login.password}".encode()


def login(login: Login, random: Random) -> Exchange:
    """Never standardised; the server asks for the name first, in whatever words."""
    yield b""
    yield login.username.encode()
    yield login.password.encode()


def scram(login: Login, random: Random) -> Exchange:
    """SCRAM-SHA-256 without channel binding; what proves that the server knows the password is checked."""
    nonce = b64encode(random(NONCE_OCTETS))
    bare = b"n=%b,r=%b" % (prepared(login.username).replace(b"=", b"=3D").replace(b",", b"=2C"), nonce)
    server_first = yield b"n,," + bare
    found = _FIRST.fullmatch(server_first)
    if found is None or not found[1].startswith(nonce) or found[1] == nonce or int(found[3]) > MAX_ITERATIONS:
        raise LoginFailed("the server's side of SCRAM-SHA-256 is not valid")
    salted = hashlib.pbkdf2_hmac("sha256", prepared(login.password), _salt(found[2]), int(found[3]))
    without_proof = b"c=biws,r=" + found[1]
    message = b",".join((bare, server_first, without_proof))
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    signature = hmac.digest(hashlib.sha256(client_key).digest(), message, "sha256")
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    server_final = yield without_proof + b",p=" + b64encode(proof)
    expected = b64encode(hmac.digest(hmac.digest(salted, b"Server Key", "sha256"), message, "sha256"))
    if not hmac.compare_digest(server_final.partition(b",")[0], b"v=" + expected):
        raise LoginFailed("the server could not show that it knows the password")
    yield b""


# The best first. With an initial response (RFC 4954 §4), or waiting for the server's first question.
MECHANISMS: dict[str, tuple[Callable[[Login, Random], Exchange], bool]] = {
    "SCRAM-SHA-256": (scram, True),
    "PLAIN": (plain, True),
    "LOGIN": (login, False),
}


def choose(offered: Sequence[str]) -> str:
    """Raises LoginFailed."""
    for name in MECHANISMS:
        if name in offered:
            return name
    told = ", ".join(offered) or "none"
    raise LoginFailed(f"the server offers no way to log in that we know; it offers {told}")


def decoded(challenge: str) -> bytes:
    """Of a 334 reply. Raises LoginFailed."""
    try:
        return _decoded(challenge.encode("ascii", "replace"))
    except Error:
        raise LoginFailed("the server's challenge is not base64") from None


def encoded(response: bytes) -> bytes:
    return b64encode(response)


def _decoded(text: bytes) -> bytes:
    return b64decode(text, validate=True)


def _salt(text: bytes) -> bytes:
    return decoded(text.decode())


def start(name: str, login: Login, random: Random = secrets.token_bytes) -> tuple[Exchange, bool]:
    """And whether its first response goes along with the command."""
    exchange, speaks_first = MECHANISMS[name]
    return exchange(login, random), speaks_first


def answer(exchange: Exchange, challenge: bytes) -> bytes:
    """What to say to this; SCRAM's sums take 20 ms or so: for a thread. Raises LoginFailed."""
    try:
        return exchange.send(challenge)
    except StopIteration:
        raise LoginFailed("the server asks for more than there is") from None
