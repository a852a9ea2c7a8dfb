"""PLAIN (RFC 4616) and LOGIN (never standardised, still what old clients send): the password itself."""

from mailserver.auth.account import Account
from mailserver.auth.sasl.exchange import BadResponse, Exchange, text

USERNAME, PASSWORD = b"Username:", b"Password:"  # Outlook waits for exactly these words


async def plain(x: Exchange) -> Account:
    """[authzid] NUL authcid NUL passwd"""
    parts = text(await x.first()).split("\0")
    if len(parts) != 3 or not parts[1] or not parts[2]:
        raise BadResponse("Not a PLAIN response")
    authzid, authcid, password = parts
    return await _admitted(x, authcid, password, authzid)


async def login(x: Exchange) -> Account:
    name = text(await x.first(USERNAME))
    password = text(await x.ask(PASSWORD))
    if not name or not password or "\0" in name + password:
        raise BadResponse("Not a LOGIN response")
    return await _admitted(x, name, password, "")


async def _admitted(x: Exchange, username: str, password: str, authzid: str) -> Account:
    return await x.verifier.authenticate(username, password, protocol=x.protocol, peer=x.peer, authzid=authzid)
