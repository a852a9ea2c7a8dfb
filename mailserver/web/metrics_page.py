"""/metrics: for loopback, and for who brings the token. How much mail there is and who fails to log in is private."""

import hmac
from collections.abc import Callable
from ipaddress import IPv6Address, ip_address

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from mailserver.metrics import CONTENT_TYPE, Metrics
from mailserver.web.health import FRESH, Condition

FORWARDED = ("forwarded", "x-forwarded-for", "x-real-ip", "via")  # a proxy on loopback speaks for a stranger
CLOSED = "Metrics are for loopback only; web.metrics_token_file opens them to who brings the token\n"
WRONG = "Metrics need the token of web.metrics_token_file: Authorization: Bearer …\n"

Token = Callable[[], str | None]  # the one in force; None where there is none


class MetricsPage:
    def __init__(self, condition: Condition, metrics: Metrics, token: Token) -> None:
        self._condition = condition
        self._metrics = metrics
        self._token = token

    async def show(self, request: Request) -> Response:
        token = self._token()
        if not (_brings(token, request.headers) or _is_local(request)):
            return _refusal(token)
        self._metrics.uptime.set(self._condition.uptime_seconds())
        depth = await self._condition.queue_depth()
        if depth is not None:
            self._metrics.queue_depth.set(depth)
        missing = await self._condition.keys_missing()
        if missing is not None:
            self._metrics.dkim_keys_missing.set(missing)
        return Response(self._metrics.exposition(), media_type=CONTENT_TYPE, headers=FRESH)


def _brings(token: str | None, headers: Headers) -> bool:
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if token is None or scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given.strip().encode(), token.encode())


def _is_local(request: Request) -> bool:
    if request.client is None or any(name in request.headers for name in FORWARDED):
        return False
    peer = ip_address(request.client.host)
    if isinstance(peer, IPv6Address) and peer.ipv4_mapped is not None:
        peer = peer.ipv4_mapped
    return peer.is_loopback


def _refusal(token: str | None) -> Response:
    if token is None:
        return PlainTextResponse(CLOSED, 403, headers=FRESH)
    return PlainTextResponse(WRONG, 401, headers=FRESH | {"WWW-Authenticate": "Bearer"})
