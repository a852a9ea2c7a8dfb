"""/health and /healthz: the process answers. /ready: it can take mail, or why it can not, in words."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Protocol

from starlette.requests import Request
from starlette.responses import JSONResponse

FRESH = {"Cache-Control": "no-store"}

Handler = Callable[[Request], Awaitable[JSONResponse]]


class Condition(Protocol):
    async def obstacles(self) -> Sequence[str]:
        """Why the server can not do its work now, in words; nothing when it can."""

    async def queue_depth(self) -> int | None:
        """Recipients waiting in the outbound queue; None when nobody can say."""

    async def keys_missing(self) -> int | None:
        """DKIM keys that sign and whose records are not in the DNS; None when nobody can say."""

    def uptime_seconds(self) -> float: ...


async def alive(request: Request) -> JSONResponse:
    return JSONResponse({"status": "alive"}, headers=FRESH)


def ready(condition: Condition) -> Handler:
    async def answer(request: Request) -> JSONResponse:
        obstacles = await condition.obstacles()
        if obstacles:
            return JSONResponse({"status": "not ready", "reasons": [*obstacles]}, 503, headers=FRESH)
        return JSONResponse({"status": "ready"}, headers=FRESH)

    return answer
