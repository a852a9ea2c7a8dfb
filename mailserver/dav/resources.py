"""Paths ⇄ resources: the one place that knows how addresses of calendars and contacts look. RFC 3986, RFC 4918 §8.3.

A path is percent-decoded once, segment by segment, so that %2F is a character of a name; a name is any UTF-8 but
control characters, "." and "..". Names of members and collections are kept exactly as the client chose them.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import TypeAlias
from urllib.parse import quote, unquote_to_bytes, urlsplit

from mailserver import text
from mailserver.dav.errors import BadPath, NotFound, OtherHost
from mailserver.store.collections import Family

PREFIX = "/dav/"
FEEDS = "/dav/feeds/"  # calendars under secret addresses; they are no part of the tree of collections
FREE_BUSY = "/dav/freebusy/"  # when users are busy
FEED_SUFFIX = ".ics"
MAX_PATH_OCTETS = 4096
MAX_SEGMENT_OCTETS = 1024  # after decoding
_SAFE = "@:+=,$!*()~"  # in a segment as they are; "&", "'" and "<" never are, so a path needs no XML escaping
_PLAIN = re.compile(r"[A-Za-z0-9_.~@:+=,$!*()-]+")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


@dataclass(frozen=True, slots=True)
class Root:
    """/dav/"""


@dataclass(frozen=True, slots=True)
class Principals:
    """/dav/principals/"""


@dataclass(frozen=True, slots=True)
class Principal:
    user: str  # address, as it is compared


@dataclass(frozen=True, slots=True)
class Homes:
    """/dav/calendars/ or /dav/addressbooks/"""

    family: Family


@dataclass(frozen=True, slots=True)
class Home:
    family: Family
    user: str


@dataclass(frozen=True, slots=True)
class CollectionRef:
    family: Family
    user: str  # whose home it is in, not whose collection it is
    slug: str


@dataclass(frozen=True, slots=True)
class MemberRef:
    family: Family
    user: str
    slug: str
    href: str  # the last segment, decoded

    @property
    def collection(self) -> CollectionRef:
        return CollectionRef(self.family, self.user, self.slug)


@dataclass(frozen=True, slots=True)
class Inbox:
    """Where invitations and replies of others arrive, RFC 6638 §2.2."""

    user: str


@dataclass(frozen=True, slots=True)
class InboxItem:
    user: str
    href: str


@dataclass(frozen=True, slots=True)
class Outbox:
    """Where free-busy is asked for, RFC 6638 §2.1."""

    user: str


@dataclass(frozen=True, slots=True)
class Attachment:
    """A managed attachment, RFC 8607."""

    id: str
    name: str


Resource: TypeAlias = (
    Root | Principals | Principal | Homes | Home | CollectionRef | MemberRef | Inbox | InboxItem | Outbox | Attachment
)

_FAMILIES = {"calendars": Family.CALENDARS, "addressbooks": Family.ADDRESSBOOKS}
_FOLDERS = {family: folder for folder, family in _FAMILIES.items()}
INBOX, OUTBOX = "inbox", "outbox"  # slugs of a calendar home that no calendar can have


def parse(path: str) -> Resource:
    """The resource of a percent-encoded path. Raises BadPath, NotFound; neither says what exists."""
    if len(path) > MAX_PATH_OCTETS:
        raise BadPath(f"A path has at most {MAX_PATH_OCTETS} octets")
    if path == PREFIX.rstrip("/"):
        return Root()
    if not path.startswith(PREFIX):
        raise NotFound
    encoded = path[len(PREFIX) :].split("/")
    is_folder = encoded[-1] == ""
    segments = [decoded(segment) for segment in (encoded[:-1] if is_folder else encoded)]
    if not segments:
        return Root()
    resource = _TOPS[segments[0]](segments[1:]) if segments[0] in _TOPS else None
    if resource is None or (is_folder and not is_collection(resource)):
        raise NotFound
    return resource


def reference(uri: str, host: str) -> Resource:
    """The resource of a Destination or an href: an absolute path, or a URI with our host. RFC 4918 §8.3.

    `host`: the Host field of the request. Raises BadPath, NotFound, OtherHost.
    """
    try:
        parts = urlsplit(uri.strip())
    except ValueError:
        raise BadPath(f"Not a URI: {uri[:100]}") from None
    if parts.scheme not in {"", "http", "https"} or (not parts.netloc and parts.scheme):
        raise OtherHost
    if parts.netloc and _host(parts.netloc) != _host(host):
        raise OtherHost
    if not parts.path.startswith("/"):
        raise BadPath("An href is an absolute path or a URI")
    return parse(parts.path)


def find(uri: str, host: str) -> Resource | None:
    """As `reference`; None for what can not be a resource of ours. For hrefs in lists: each is answered 404."""
    try:
        return reference(uri, host)
    except (BadPath, NotFound, OtherHost):
        return None


def href(resource: Resource) -> str:
    """The absolute path, percent-encoded once, ASCII, without any character that XML escapes.

    A collection's ends with a slash.
    """
    return _PATHS[type(resource)](resource)


def feed_path(secret: str) -> str:
    """Of a calendar under a secret address."""
    return f"{FEEDS}{secret}{FEED_SUFFIX}"


def free_busy_path(user: str, secret: str | None = None) -> str:
    return f"{FREE_BUSY}{segment(user)}" + (f"?token={secret}" if secret is not None else "")


def segment(name: str) -> str:
    """One percent-encoded segment."""
    return name if is_plain(name) else quote(name, safe=_SAFE)


def is_plain(name: str) -> bool:
    """The name, or all names that were joined to this, are their own percent-encoded form."""
    return _PLAIN.fullmatch(name) is not None


def is_collection(resource: Resource) -> bool:
    return not isinstance(resource, (MemberRef, InboxItem, Attachment))


def owner(resource: Resource) -> str | None:
    """The user in whose space a resource is; None for what belongs to nobody."""
    return None if isinstance(resource, (Root, Principals, Homes, Attachment)) else resource.user


def parent(resource: Resource) -> Resource | None:
    """The collection it is a member of; None for the root."""
    match resource:
        case MemberRef():
            return resource.collection
        case CollectionRef(family, user, _):
            return Home(family, user)
        case InboxItem(user, _):
            return Inbox(user)
        case Inbox(user) | Outbox(user):
            return Home(Family.CALENDARS, user)
        case Home(family, _):
            return Homes(family)
        case Principal():
            return Principals()
        case Homes() | Principals() | Attachment():
            return Root()
        case Root():
            return None


def user_segment(name: str) -> str:
    """A user's address as it is compared; a name that can not be one stays as it is and matches nobody."""
    try:
        return text.join_address(*text.split_address(name))
    except ValueError:
        return name


def decoded(encoded: str) -> str:
    """One segment. Raises BadPath; NotFound for an empty one."""
    if not encoded:
        raise NotFound
    if _BAD_ESCAPE.search(encoded):
        raise BadPath("The path has a % that is not followed by two hexadecimal digits")
    octets = unquote_to_bytes(encoded)
    try:
        name = octets.decode("utf-8")
    except UnicodeDecodeError:
        raise BadPath("The path is not UTF-8") from None
    if _CONTROL.search(name):
        raise BadPath("The path has a control character")
    if name in {".", ".."}:
        raise BadPath('A name can not be "." or ".."')
    if len(octets) > MAX_SEGMENT_OCTETS:
        raise BadPath(f"A name has at most {MAX_SEGMENT_OCTETS} octets")
    return name


def _host(netloc: str) -> str:
    """Without user, default port and case."""
    host = netloc.rpartition("@")[2].lower()
    name, colon, port = host.rpartition(":")
    return name if colon and port in {"80", "443", ""} else host


def _principals(rest: list[str]) -> Resource | None:
    if not rest:
        return Principals()
    return Principal(user_segment(rest[0])) if len(rest) == 1 else None


def _attachments(rest: list[str]) -> Resource | None:
    return Attachment(rest[0], rest[1]) if len(rest) == 2 else None


def _homes(family: Family) -> Callable[[list[str]], Resource | None]:
    def parse_home(rest: list[str]) -> Resource | None:
        match rest:
            case []:
                return Homes(family)
            case [user]:
                return Home(family, user_segment(user))
            case [user, slug, *names] if family is Family.CALENDARS and slug in {INBOX, OUTBOX}:
                return _scheduling(user_segment(user), slug, names)
            case [user, slug]:
                return CollectionRef(family, user_segment(user), slug)
            case [user, slug, name]:
                return MemberRef(family, user_segment(user), slug, name)
        return None

    return parse_home


def _scheduling(user: str, slug: str, names: list[str]) -> Resource | None:
    if not names:
        return Inbox(user) if slug == INBOX else Outbox(user)
    return InboxItem(user, names[0]) if slug == INBOX and len(names) == 1 else None


_TOPS: dict[str, Callable[[list[str]], Resource | None]] = {
    "principals": _principals,
    "attachments": _attachments,
    **{folder: _homes(family) for folder, family in _FAMILIES.items()},
}


@lru_cache(maxsize=256)  # of the few users and collections that are asked for now
def _folder(*names: str) -> str:
    return PREFIX + "".join(f"{segment(name)}/" for name in names)


def _in(family: Family, *names: str) -> str:
    return _folder(_FOLDERS[family], *names)


_PATHS: dict[type, Callable[..., str]] = {
    Root: lambda _: PREFIX,
    Principals: lambda _: _folder("principals"),
    Principal: lambda r: _folder("principals", r.user),
    Homes: lambda r: _in(r.family),
    Home: lambda r: _in(r.family, r.user),
    CollectionRef: lambda r: _in(r.family, r.user, r.slug),
    MemberRef: lambda r: _in(r.family, r.user, r.slug) + segment(r.href),
    Inbox: lambda r: _in(Family.CALENDARS, r.user, INBOX),
    Outbox: lambda r: _in(Family.CALENDARS, r.user, OUTBOX),
    InboxItem: lambda r: _in(Family.CALENDARS, r.user, INBOX) + segment(r.href),
    Attachment: lambda r: f"{_folder('attachments', r.id)}{segment(r.name)}",
}
