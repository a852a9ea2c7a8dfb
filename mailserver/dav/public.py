"""What is read without DAV: calendars under secret addresses, and when a user is busy.

    GET /dav/feeds/SECRET.ics                                    no login; who has the address may read
    GET /dav/freebusy/ann@example.test?start=…&end=…&token=…     with the token, or logged in

A wrong secret is answered as one that never was, with the same work; many of them from one network are answered 429
for a while. Secrets are told over https only, as passwords are, and stand in no log.
"""

import time
from collections.abc import Callable
from urllib.parse import quote

import structlog

from mailserver.auth.throttle import Throttle
from mailserver.config.tree import AuthConfig, DavConfig
from mailserver.dav import refused, resources
from mailserver.dav.app import SERVER_BUG
from mailserver.dav.errors import NotFound
from mailserver.dav.free_busy_query import Asked, asked
from mailserver.dav.logins import Logins
from mailserver.dav.member_headers import SANDBOX, date_of, is_known
from mailserver.dav.response import Answer, Response, Streamed
from mailserver.dav.sending import Receive, Scope, Send, begun, header_fields, send_answer
from mailserver.dav.wire import etags
from mailserver.errors import MethodNotAllowed, NoSuchLink, Refusal
from mailserver.groupware.feeds.free_busy import FreeBusyPages
from mailserver.groupware.feeds.published import Published, PublishedCalendars
from mailserver.groupware.feeds.secret_addresses import hash_of
from mailserver.metrics import Metrics
from mailserver.store.store import Store

CALENDAR = "text/calendar; charset=utf-8"
METHODS = ("GET", "HEAD")
PRIVATE = (
    ("Cache-Control", "private, no-cache"),
    ("Referrer-Policy", "no-referrer"),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Robots-Tag", "noindex"),
    SANDBOX,
)

_log = structlog.get_logger("dav")


class PublicApp:
    def __init__(
        self,
        store: Store,
        logins: Logins,
        metrics: Metrics,
        auth: AuthConfig,
        config: DavConfig,
        monotonic: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._clock = store.clock
        self._logins = logins
        self._metrics = metrics
        self._config = config
        self._monotonic = monotonic
        # One of its own: whoever follows an address that was taken back is no reason to keep him from his mail.
        self._throttle = Throttle(store.clock, auth)
        self._calendars = PublishedCalendars(store)
        self._pages = FreeBusyPages(store)

    def configure(self, auth: AuthConfig, config: DavConfig) -> None:
        self._throttle.config = auth
        self._config = config

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del receive  # a GET has no body that matters; the server reads it away
        started, method = self._monotonic(), str(scope["method"])
        answer = await self._answer(method, scope)
        await send_answer(answer, send, with_body=method != "HEAD")
        name = method if method in METHODS else "other"
        self._metrics.http_requests.labels(name, str(answer.status)).inc()
        self._metrics.http_duration.labels(name).observe(self._monotonic() - started)

    async def _answer(self, method: str, scope: Scope) -> Answer:
        peer = str((scope.get("client") or ("",))[0])
        try:
            if method not in METHODS:
                raise MethodNotAllowed(METHODS)
            self._logins.require_private(peer, private=scope["scheme"] == "https")
            headers = header_fields(scope["headers"])
            path = scope["raw_path"].decode("latin-1")
            if path.startswith(resources.FEEDS):
                answer = await self._feed(path.removeprefix(resources.FEEDS), headers, peer)
            elif path.startswith(resources.FREE_BUSY):
                private = scope["scheme"] == "https"
                query = scope["query_string"].decode("latin-1")
                answer = await self._free_busy(path, query, headers.get("authorization"), peer, private=private)
            else:
                raise NotFound
            return answer if method == "HEAD" else await begun(answer)
        except Refusal as fault:
            _log.info("request refused", method=method, status=fault.http, reason=type(fault).__name__, peer=peer)
            return refused.in_words(fault)
        except Exception:  # our bug: told without its inner text, RFC 9110 §15.5
            _log.exception("request failed", method=method, peer=peer)
            return SERVER_BUG

    # ---- calendars ----

    async def _feed(self, name: str, headers: dict[str, str], peer: str) -> Answer:
        published = await self._found(name, peer)
        await self._note_use(published)
        known = etags.parse("If-None-Match", headers.get("if-none-match"))
        told = _headers(published)
        if is_known(headers, known, published.etag, published.collection.changed_ms):
            return Response(304, headers=told)
        return Streamed(200, self._calendars.give_out(published), CALENDAR, told)

    async def _found(self, name: str, peer: str) -> Published:
        """Raises NoSuchLink, AuthenticationDelayed."""
        secret = resources.decoded(name).removesuffix(resources.FEED_SUFFIX) if name else ""
        digest = hash_of(secret)
        self._throttle.check(digest.hex(), peer)
        try:
            found = await self._calendars.find(secret)
        except NoSuchLink:
            self._throttle.failed(digest.hex(), peer, digest)
            raise
        self._throttle.succeeded(digest.hex(), peer)
        if not self._config.public_links:
            raise NoSuchLink
        return found

    async def _note_use(self, published: Published) -> None:
        try:
            await self._calendars.note_use(published)
        except Refusal as fault:  # a full disk is no reason not to be read
            _log.warning("use of a link not noted", link=published.link.id, error=fault.text)

    # ---- free-busy ----

    async def _free_busy(self, path: str, query: str, authorization: str | None, peer: str, *, private: bool) -> Answer:
        name = path.removeprefix(resources.FREE_BUSY)
        wanted = asked(query, self._clock.now())
        address = resources.user_segment(resources.decoded(name)) if name else ""
        if wanted.token is None:
            viewer = await self._logins.log_in(authorization, peer, private=private)
            body = await self._pages.by_user(viewer.user_id, address, wanted.window)
        else:
            body = await self._by_token(address, wanted.token, wanted, peer)
        return Response(200, body, CALENDAR, PRIVATE)

    async def _by_token(self, address: str, token: str, wanted: Asked, peer: str) -> bytes:
        digest = hash_of(token)
        self._throttle.check(digest.hex(), peer)
        try:
            body = await self._pages.by_secret(address, token, wanted.window)
        except NoSuchLink:
            self._throttle.failed(digest.hex(), peer, digest)
            raise
        self._throttle.succeeded(digest.hex(), peer)
        return body


def _headers(published: Published) -> tuple[tuple[str, str], ...]:
    name = quote(f"{published.collection.slug}.ics", safe="")
    return (
        ("ETag", f'"{published.etag}"'),
        ("Last-Modified", date_of(published.collection.changed_ms)),
        ("Content-Disposition", f"attachment; filename*=UTF-8''{name}"),
        *PRIVATE,
    )
