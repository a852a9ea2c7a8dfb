"""DAV as an ASGI application: who is it, which resource, which method; and the one place where refusals are worded.

401 before anything of the request is looked at, 404 or 400 for the path, 405 for the method; then the method runs.
"""

import time
from collections.abc import Callable
from dataclasses import replace

import structlog

from mailserver.auth.account import Account
from mailserver.config.tree import DavConfig
from mailserver.dav import refused, resources
from mailserver.dav.body import Body, ClientGone
from mailserver.dav.errors import NotFound
from mailserver.dav.logins import Logins
from mailserver.dav.methods.table import METHODS, allowed
from mailserver.dav.request import DavRequest
from mailserver.dav.resources import Principal, Resource
from mailserver.dav.response import Answer, text
from mailserver.dav.sending import Receive, Scope, Send, begun, header_fields, send_answer
from mailserver.dav.services import Services
from mailserver.dav.wire.origin import is_foreign
from mailserver.errors import MethodNotAllowed, NotPermitted, Refusal
from mailserver.metrics import Metrics

OTHER_SITE = "A page of another site made the browser send this"
SERVER_BUG = text(500, "The server made a mistake; its log tells more")

_log = structlog.get_logger("dav")


class DavApp:
    def __init__(
        self, services: Services, logins: Logins, metrics: Metrics, monotonic: Callable[[], float] = time.perf_counter
    ) -> None:
        self._services = services
        self._logins = logins
        self._metrics = metrics
        self._monotonic = monotonic

    def configure(self, config: DavConfig) -> None:
        self._services = replace(self._services, config=config)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        began, method = self._monotonic(), str(scope["method"])
        try:
            answer = await self._answer(method, scope, receive)
            await send_answer(answer, send, with_body=method != "HEAD")
        except ClientGone:
            _log.debug("client gone", method=method)
            return
        name = method if method in METHODS else "other"
        self._metrics.http_requests.labels(name, str(answer.status)).inc()
        self._metrics.http_duration.labels(name).observe(self._monotonic() - began)

    async def _answer(self, method: str, scope: Scope, receive: Receive) -> Answer:
        peer = str((scope.get("client") or ("",))[0])
        viewer: Account | None = None
        path = scope["raw_path"].decode("latin-1")
        try:
            headers = header_fields(scope["headers"])
            private = scope["scheme"] == "https"
            viewer = await self._logins.log_in(headers.get("authorization"), peer, private=private)
            if is_foreign(method, headers):
                raise NotPermitted(OTHER_SITE)
            resource = resources.parse(path)
            _require_own(viewer, resource)
            row = METHODS.get(method)
            if row is None or not isinstance(resource, row.on):
                raise MethodNotAllowed(allowed(resource))
            request = DavRequest(
                method,
                path,
                scope["query_string"].decode("latin-1"),
                resource,
                viewer,
                headers,
                Body(receive, headers),
                self._services,
                scope["scheme"],
            )
            return await begun(await row.run(request))
        except Refusal as fault:
            user = viewer.address if viewer else None
            answer = refused.answer(fault, path)
            kind = type(fault).__name__
            _log.info("request refused", method=method, status=answer.status, reason=kind, user=user, peer=peer)
            return answer
        except ClientGone:
            raise
        except Exception:  # our bug: told without its inner text, RFC 9110 §15.6.1
            _log.exception("request failed", method=method, peer=peer)
            return SERVER_BUG


def _require_own(viewer: Account, resource: Resource) -> None:
    """Homes and what is in them are there for their user alone; for all others they are missing. Raises NotFound."""
    owner = None if isinstance(resource, Principal) else resources.owner(resource)
    if owner is not None and owner != viewer.address:
        raise NotFound
