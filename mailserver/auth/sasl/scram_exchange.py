"""SCRAM-SHA-256 and SCRAM-SHA-256-PLUS with a client: four messages and the channel they are bound to. RFC 5802 §7.

-PLUS binds the login to the TLS connection: somebody in the middle, who has one of his own with each side, can not
pass the client's proof on.
"""

import hmac
from base64 import b64encode

from mailserver.auth.account import Account
from mailserver.auth.sasl import scram
from mailserver.auth.sasl.exchange import BadResponse, Exchange, ScramLogin
from mailserver.errors import AuthenticationFailed

SCRAM, SCRAM_PLUS = "SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"
NONCE_OCTETS = 18


class Downgraded(AuthenticationFailed):
    text = "Somebody hid SCRAM-SHA-256-PLUS from you: this connection can not be trusted"


class NotBound(AuthenticationFailed):
    text = "The channel binding is not of this TLS connection"


class NoSuchBinding(AuthenticationFailed):
    text = "This kind of channel binding is not supported here"


async def unbound(x: Exchange) -> Account:
    """SCRAM-SHA-256. A client that could have bound, and was told that it may, was lied to: RFC 5802 §6."""
    first = scram.client_first(await x.first())
    if first.binding is not None:
        raise BadResponse("Channel binding is for SCRAM-SHA-256-PLUS")
    login = await _begin(x, first)
    if first.thinks_unbound and SCRAM_PLUS in x.told:
        await login.note("SCRAM-SHA-256-PLUS was hidden from the client")
        raise Downgraded
    return await _go_on(x, login, first, b"")


async def bound(x: Exchange) -> Account:
    """SCRAM-SHA-256-PLUS."""
    first = scram.client_first(await x.first())
    if first.binding is None:
        raise BadResponse("SCRAM-SHA-256-PLUS needs channel binding")
    login = await _begin(x, first)
    data = x.bindings.get(first.binding)
    if data is None:
        await login.note("no such channel binding")
        raise NoSuchBinding
    return await _go_on(x, login, first, data)


async def _begin(x: Exchange, first: scram.ClientFirst) -> ScramLogin:
    return await x.verifier.begin_scram(first.username, authzid=first.authzid, protocol=x.protocol, peer=x.peer)


async def _go_on(x: Exchange, login: ScramLogin, first: scram.ClientFirst, binding: bytes) -> Account:
    nonce = first.nonce + b64encode(x.verifier.random(NONCE_OCTETS))
    server_first = scram.server_first(nonce, login.salt, login.iterations)
    final = scram.client_final(await x.ask(server_first))
    if not hmac.compare_digest(final.nonce, nonce):
        raise BadResponse("A nonce of another exchange")
    if not hmac.compare_digest(final.bound, first.header + binding):
        await login.note("channel binding of another connection")
        raise NotBound
    auth_message = b",".join((first.bare, server_first, final.without_proof))
    keys = await login.prove(auth_message, final.proof)
    await x.ask(scram.server_final(keys, auth_message))  # the client may still leave: now it knows us, or not
    return await login.admit()
