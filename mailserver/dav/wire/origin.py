"""Who made a browser send this: a page of another site must not change calendars with the login the browser keeps.

Programs that are no browsers send neither header. Pages of others can not read answers (there is no CORS here), and
their browser asks before any method but GET, HEAD and POST; old ones do not say Sec-Fetch-Site, but Origin.
"""

from collections.abc import Mapping
from urllib.parse import urlsplit

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
_OWN = frozenset({"same-origin", "none"})  # "none": the user himself, or an extension of his


def is_foreign(method: str, headers: Mapping[str, str]) -> bool:
    """`headers`: names in lower case."""
    if method in SAFE:
        return False
    site = headers.get("sec-fetch-site")
    if site is not None:
        return site.strip().lower() not in _OWN
    origin = headers.get("origin")
    return origin is not None and _is_other(origin.strip().lower(), headers.get("host", "").strip().lower())


def _is_other(origin: str, host: str) -> bool:
    """Schemes that are not the web's are of applications and extensions; "null" is a page that hides where it is of."""
    if origin == "null":
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return True
    return parts.scheme in {"http", "https"} and parts.netloc != host
