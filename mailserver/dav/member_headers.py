"""The headers of a stored object, in answers to GET and PUT alike; what a browser may do with it."""

from collections.abc import Mapping
from email.utils import formatdate, parsedate_to_datetime
from urllib.parse import quote

from mailserver.dav.resources import MemberRef
from mailserver.dav.response import Headers
from mailserver.dav.wire.etags import ETags
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
        ("Last-Modified", date_of(member.changed_ms)),
        ("Cache-Control", "private, no-cache"),
        ("Content-Disposition", f"attachment; filename*=UTF-8''{name}"),
        SANDBOX,
    )


def content_type(ref: MemberRef, member: Member) -> str:
    if ref.family is Family.ADDRESSBOOKS:
        return "text/vcard; charset=utf-8"
    return f"text/calendar; charset=utf-8; component={member.component.lower()}"


def date_of(changed_ms: int) -> str:
    """IMF-fixdate, RFC 9110 §5.6.7."""
    return formatdate(changed_ms // 1000, usegmt=True)


def is_unmodified_since(headers: Mapping[str, str], name: str, member: Member) -> bool | None:
    """None where the header is not there or no date, which then counts as not there. RFC 9110 §13.1.3."""
    return _is_unchanged(headers, name, member.changed_ms)


def is_known(headers: Mapping[str, str], known: ETags | None, etag: str, changed_ms: int) -> bool:
    """What is answered 304; `known`: If-None-Match, which goes first. RFC 9110 §13.2.2"""
    if known is not None:
        return known.names(etag)
    return _is_unchanged(headers, "if-modified-since", changed_ms) is True


def _is_unchanged(headers: Mapping[str, str], name: str, changed_ms: int) -> bool | None:
    try:
        since = parsedate_to_datetime(headers.get(name, ""))
        return changed_ms // 1000 <= int(since.timestamp())
    except (ValueError, TypeError, OverflowError):
        return None
