"""GETQUOTA and GETQUOTAROOT: one root for all of an account's mailboxes. RFC 9208."""

from dataclasses import dataclass

from mailserver.errors import NoSuchMailbox, NotPermitted, Refusal
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import AUTHENTICATED
from mailserver.imap.wire import writer
from mailserver.imap.wire.reader import Reader

ROOT = b""
UNIT_OCTETS = 1024  # of the STORAGE resource, RFC 9208 §5.1


class NoSuchRoot(Refusal):
    imap, text = "NONEXISTENT", "No such quota root"


@dataclass(frozen=True, slots=True)
class SetQuota:
    root: bytes


def parse_root(r: Reader) -> bytes:
    """getquota = "GETQUOTA" SP quota-root-name"""
    r.sp()
    root = r.astring()
    r.end()
    return root


def parse_name(r: Reader) -> str:
    """getquotaroot = "GETQUOTAROOT" SP mailbox"""
    r.sp()
    name = r.mailbox()
    r.end()
    return name


def parse_set(r: Reader) -> SetQuota:
    """setquota = "SETQUOTA" SP quota-root-name SP "(" [resource SP number *(…)] ")" """
    r.sp()
    root = r.astring()
    r.sp()
    r.parenthesised(lambda: _resource(r), empty=True)
    r.end()
    return SetQuota(root)


def _resource(r: Reader) -> None:
    r.atom()
    r.sp()
    r.number64()


async def get_quota(s: Session, root: bytes) -> bytes:
    if root != ROOT:
        raise NoSuchRoot
    await _tell(s)
    return b"GETQUOTA completed"


async def get_quota_root(s: Session, name: str) -> bytes:
    if await s.mailboxes.find(s.user_id, name) is None:
        raise NoSuchMailbox
    s.untagged(b"QUOTAROOT %b %b" % (s.name(name), writer.string(ROOT)))
    await _tell(s)
    return b"GETQUOTAROOT completed"


async def set_quota(_s: Session, _: SetQuota) -> bytes:
    raise NotPermitted("Quotas are set by the administrator")


async def _tell(s: Session) -> None:
    """Resources without a limit are not listed, RFC 9208 §4.2.1."""
    quota = await s.mailboxes.quota(s.user_id)
    resources = b""
    if quota.limit_octets is not None:
        used, limit = -(-quota.used_octets // UNIT_OCTETS), quota.limit_octets // UNIT_OCTETS
        resources = b"STORAGE %d %d" % (used, limit)
    s.untagged(b"QUOTA %b (%b)" % (writer.string(ROOT), resources))


ROWS = {
    "GETQUOTA": Row(parse_root, get_quota, AUTHENTICATED, capability=b"QUOTA"),
    "GETQUOTAROOT": Row(parse_name, get_quota_root, AUTHENTICATED, capability=b"QUOTA"),
    "SETQUOTA": Row(parse_set, set_quota, AUTHENTICATED, capability=b"QUOTA"),
}
