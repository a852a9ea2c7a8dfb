"""The ways in: clients that know a host name only are led to /dav/. RFC 6764 §5, §6.

301, because every client follows it with the method it came with (some turn PROPFIND into GET on 302), and without a
login: who follows it is asked for one there. The root and /principals/ are what Apple's clients try where a
well-known address is not found; a browser at the root finds a line to read.
"""

from starlette.responses import PlainTextResponse, RedirectResponse
from starlette.types import Receive, Scope, Send

from mailserver.dav import resources
from mailserver.dav.resources import Principals, Root

TARGETS = {
    "/.well-known/caldav": resources.href(Root()),
    "/.well-known/carddav": resources.href(Root()),
    "/principals": resources.href(Principals()),
    "/": resources.href(Root()),
}
ROOT_WORDS = f"Calendars and contacts of this server: {resources.href(Root())}\n"
FRESH = {"Cache-Control": "no-store"}  # a permanent redirect that is remembered would outlive its reason


async def lead(scope: Scope, receive: Receive, send: Send) -> None:
    path = scope["path"]
    target = TARGETS.get(path.rstrip("/") or "/", TARGETS["/"])
    if path == "/" and scope["method"] in {"GET", "HEAD"}:
        await PlainTextResponse(ROOT_WORDS)(scope, receive, send)
        return
    await RedirectResponse(target, 301, FRESH)(scope, receive, send)
