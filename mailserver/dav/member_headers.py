"""The headers of a stored object, in answers to GET and PUT alike; what a browser may do with it."""

from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import quote

from mailserver.dav.resources import MemberRef
from mailserver.dav.response import Headers
from mailserver.store.collections import Family
from mailserver.store.members import Member

# A file name in .html or a description with a script in it must not become a page of this server.
SANDBOX = ("Content-Security-Policy", "default-src 'none'; sandbox")


def tags(member: Member) -> Headers:
    """ETag, and Schedule-Tag where it has one (RFC 6638 §8.2)."""
    etag = ("ETag", f'"{member.etag}"')
    return (etag,) if member.schedule_tag is None else (etag, ("Schedule-Tag", f'"{member.schedule_tag}"'))


def of_content(ref: MemberRef, member: Member) -> Headers:
    name = quote(ref.href, safe="")
    return (
        *tags(member),
        ("Last-Modified", formatdate(member.changed_ms // 1000, usegmt=True)),
        ("Cache-Control", "private, no-cache"),
        ("Content-Disposition", f"attachment; filename*=UTF-8''{name}"),
        SANDBOX,
    )


def content_type(ref: MemberRef, member: Member) -> str:
    if ref.family is Family.ADDRESSBOOKS:
        return "text/vcard; charset=utf-8"
    return f"text/calendar; charset=utf-8; component={member.component.lower()}"


def is_unmodified_since(headers: Mapping[str, str], name: str, member: Member) -> bool | None:
    """None where the header is not there or no date, which then counts as not there. RFC 9110 §13.1.3."""
    try:
        since = parsedate_to_datetime(headers.get(name, ""))
        return member.changed_ms // 1000 <= int(since.timestamp())
    except (ValueError, TypeError, OverflowError):
        return None
