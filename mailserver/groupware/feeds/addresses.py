"""Which addresses outside feeds may have. Pure; the guarded client looks again at each one it dials."""

from urllib.parse import urljoin, urlsplit

from mailserver.errors import BadValue

MAX_URL = 2000  # characters
_SAME = ("webcal://", "webcals://", "feed://")  # what calendars are offered under; each means https here


def checked(text: str) -> str:
    """As https. Raises BadValue, which says what is wrong."""
    url = text.strip()
    scheme = next((each for each in _SAME if url.lower().startswith(each)), None)
    if scheme is not None:
        url = f"https://{url[len(scheme) :]}"
    if len(url) > MAX_URL or not url.isascii() or not url.isprintable() or " " in url:
        raise BadValue(f"The address of a feed has at most {MAX_URL} ASCII characters and no spaces")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise BadValue(f"{url[:100]}: not an address") from None
    if parts.scheme.lower() == "http":
        raise BadValue("Feeds are fetched over https:// only")
    if parts.scheme.lower() != "https" or not parts.hostname:
        raise BadValue("The address of a feed begins with https:// or webcal:// and a host")
    if parts.username is not None or parts.password is not None:
        raise BadValue("The address of a feed has no user name and password in it: take the secret address of the feed")
    if port not in {None, 443}:
        raise BadValue("Feeds are fetched from port 443 only")
    return url


def redirected(url: str, location: str) -> str:
    """Where a redirect leads. Raises BadValue."""
    try:
        return checked(urljoin(url, location))
    except ValueError:
        raise BadValue(f"{location[:100]}: not an address") from None


def host(url: str) -> str:
    """For logs: the rest of it may be a secret."""
    return urlsplit(url).hostname or ""
