"""A request of somebody who is logged in, as methods and reports see it."""

from collections.abc import Mapping
from dataclasses import dataclass

from mailserver.auth.account import Account
from mailserver.dav.body import Body
from mailserver.dav.resources import Resource
from mailserver.dav.services import Services
from mailserver.dav.wire import etags, headers, if_header
from mailserver.dav.wire.etags import ETags
from mailserver.dav.wire.headers import Depth, Prefer
from mailserver.dav.wire.if_header import IfHeader


@dataclass(frozen=True, slots=True)
class DavRequest:
    """Headers become values when they are asked for; what can not be read raises BadRequest then."""

    method: str
    path: str  # percent-encoded as it came, without the query
    query: str
    resource: Resource
    viewer: Account
    headers: Mapping[str, str]  # names in lower case; several of one name are joined by ", "
    body: Body
    services: Services
    scheme: str = "https"

    @property
    def depth(self) -> Depth | None:
        return headers.depth(self.headers.get("depth"))

    @property
    def overwrite(self) -> bool:
        return headers.overwrite(self.headers.get("overwrite"))

    @property
    def prefer(self) -> Prefer:
        return headers.prefer(self.headers.get("prefer"), self.headers.get("brief"))

    @property
    def if_match(self) -> ETags | None:
        return etags.parse("If-Match", self.headers.get("if-match"))

    @property
    def if_none_match(self) -> ETags | None:
        return etags.parse("If-None-Match", self.headers.get("if-none-match"))

    @property
    def if_(self) -> IfHeader | None:
        return if_header.parse(self.headers.get("if"))
