"""One feed from another server: redirects are followed, each step looked at as if somebody had just named it."""

from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from typing import Protocol

from mailserver.errors import BadValue
from mailserver.fetching.fetcher import Bounds, Fetched, FetchFailed
from mailserver.groupware.feeds import addresses
from mailserver.store.feeds import Feed

SECONDS = 60.0  # for each step
MAX_REDIRECTS = 5
MAX_VALIDATOR = 500  # characters of an ETag or Last-Modified that is kept
MAX_RETRY_SECONDS = 86_400
_REDIRECTS = frozenset({301, 302, 303, 307, 308})

_WORDS = {
    401: "the other server wants a login: take the secret address of the feed",
    403: "the other server does not allow it (403)",
    404: "there is nothing at this address (404)",
    410: "the feed is gone for good (410)",
    429: "the other server was asked too often (429)",
}


class Get(Protocol):
    def __call__(self, url: str, bounds: Bounds, headers: Mapping[str, str], /) -> Awaitable[Fetched]: ...


@dataclass(frozen=True, slots=True)
class Body:
    data: bytes
    etag: str | None
    last_modified: str | None


class FeedFailed(Exception):  # noqa: N818 - an event
    def __init__(self, reason: str, retry_seconds: int = 0) -> None:
        """`retry_seconds`: the other server asks not to be asked sooner."""
        super().__init__(reason)
        self.reason = reason
        self.retry_seconds = retry_seconds


async def fetch(get: Get, feed: Feed, max_octets: int) -> Body | None:
    """None: nothing changed, says the other server. Raises FeedFailed."""
    known = _known(feed)
    url = feed.url
    for _ in range(MAX_REDIRECTS + 1):
        try:
            fetched = await get(url, Bounds(max_octets, SECONDS), {"Accept": "text/calendar, */*;q=0.1", **known})
        except FetchFailed as failed:
            raise FeedFailed(failed.reason) from failed
        location = fetched.headers.get("location")
        if fetched.status not in _REDIRECTS or not location:
            return _read(fetched, is_known=bool(known))
        try:
            url = addresses.redirected(url, location)
        except BadValue as fault:
            raise FeedFailed(f"the other server leads elsewhere: {fault.text}") from fault
    raise FeedFailed(f"the other server leads on more than {MAX_REDIRECTS} times")


def _known(feed: Feed) -> dict[str, str]:
    """RFC 9110 §13.1.2, §13.1.3"""
    if feed.digest is None:
        return {}
    pairs = {"If-None-Match": feed.etag, "If-Modified-Since": feed.last_modified}
    return {name: value for name, value in pairs.items() if value}


def _read(fetched: Fetched, *, is_known: bool) -> Body | None:
    if fetched.status == 304 and is_known:
        return None
    if fetched.status != 200:
        words = _WORDS.get(fetched.status, f"the other server answers {fetched.status}")
        raise FeedFailed(words, _retry_seconds(fetched.headers.get("retry-after", "")))
    return Body(fetched.body, _validator(fetched, "etag"), _validator(fetched, "last-modified"))


def _validator(fetched: Fetched, name: str) -> str | None:
    """As it is to be sent back; what can not be a header again is none."""
    value = fetched.headers.get(name, "").strip()
    return value if 0 < len(value) <= MAX_VALIDATOR and value.isascii() and value.isprintable() else None


def _retry_seconds(value: str) -> int:
    """Seconds only: a date is rare here, and the usual pause does for it."""
    return min(int(value), MAX_RETRY_SECONDS) if value.isascii() and value.isdigit() and len(value) < 10 else 0
