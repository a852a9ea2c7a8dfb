"""What is served over HTTP, as one table of mounts; whoever adds a face adds rows.

The name "/" is that path alone; any other is the path and all below it. What is in the table and not open
(the server starts or stops) is answered 503 in words.
"""

from collections.abc import Iterable
from http import HTTPStatus

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Receive, Scope, Send

RETRY_SECONDS = "5"


class Mounts:
    def __init__(self, names: Iterable[str], rest: ASGIApp | None = None) -> None:
        """`rest`: whatever no mount takes."""
        self._apps: dict[str, ASGIApp | None] = dict.fromkeys(names)
        self._rest = rest or PlainTextResponse("Nothing is here\n", HTTPStatus.NOT_FOUND)

    def open(self, name: str, app: ASGIApp) -> None:
        if name not in self._apps:
            raise KeyError(name)
        self._apps[name] = app

    def close(self) -> None:
        """All of them."""
        self._apps = dict.fromkeys(self._apps)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = self.find(scope["raw_path"].decode("latin-1"))
        app = self._rest if name is None else self._apps[name]
        await (app or _CLOSED)(scope, receive, send)

    def find(self, path: str) -> str | None:
        """The longest that fits."""
        if path in self._apps:
            return path
        path = path.rstrip("/")
        while path and path not in self._apps:
            path = path.rpartition("/")[0]
        return path or None


_CLOSED = PlainTextResponse(
    "The server is starting or stopping\n", HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": RETRY_SECONDS}
)
