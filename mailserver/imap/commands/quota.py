"""GETQUOTA, GETQUOTAROOT, SETQUOTA: one root for all of an account's mailboxes. RFC 9208."""

from dataclasses import dataclass

from mailserver.errors import Refusal
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import AUTHENTICATED
from mailserver.imap.wire import writer
from mailserver.imap.wire.reader import BadSyntax, Reader
from mailserver.mailboxes.quotas import Limits
from mailserver.mailboxes.values import Quota

UNIT_OCTETS = 1024  # of the STORAGE resource, RFC 9208 §5.1
MAX_RESOURCES = 10  # of one command
STORAGE, MESSAGE = "STORAGE", "MESSAGE"


class NoSuchResource(Refusal):
    imap, text = "CANNOT", "The resources with a limit are STORAGE and MESSAGE"


class NoRoomAtAll(Refusal):
    imap, text = "CANNOT", "A limit of 0 can not be set: disable the account instead"


@dataclass(frozen=True, slots=True)
class SetQuota:
    root: str
    limits: dict[str, int]  # by resource


def parse_root(r: Reader) -> str:
    """getquota = "GETQUOTA" SP quota-root-name"""
    r.sp()
    root = _root(r)
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
    root = _root(r)
    r.sp()
    resources = r.parenthesised(lambda: _resource(r), empty=True)
    r.end()
    if len(resources) > MAX_RESOURCES or len(dict(resources)) < len(resources):
        raise BadSyntax("Each resource once")
    return SetQuota(root, dict(resources))


def _root(r: Reader) -> str:
    return r.astring().decode("utf-8", "replace")


def _resource(r: Reader) -> tuple[str, int]:
    name = r.word()
    r.sp()
    return name, r.number64()


async def get_quota(s: Session, root: str) -> bytes:
    _tell(s, root, await s.mailboxes.quotas.get(s.user_id, root))
    return b"GETQUOTA completed"


async def get_quota_root(s: Session, name: str) -> bytes:
    """Who may read a shared mailbox is told its owner's room, RFC 9208 §6."""
    root, quota = await s.mailboxes.quotas.of_mailbox(s.user_id, name)
    s.untagged(b"QUOTAROOT %b %b" % (s.name(name), _wire(root)))
    _tell(s, root, quota)
    return b"GETQUOTAROOT completed"


async def set_quota(s: Session, c: SetQuota) -> bytes:
    """Resources that are not named have no limit then, RFC 9208 §4.1.3."""
    if not c.limits.keys() <= {STORAGE, MESSAGE}:
        raise NoSuchResource
    if 0 in c.limits.values():
        raise NoRoomAtAll
    storage = c.limits.get(STORAGE)
    limits = Limits(storage * UNIT_OCTETS if storage is not None else None, c.limits.get(MESSAGE))
    _tell(s, c.root, await s.mailboxes.quotas.set(s.user_id, c.root, limits))
    return b"SETQUOTA completed"


def _tell(s: Session, root: str, quota: Quota) -> None:
    """Resources without a limit are not listed, RFC 9208 §4.2.1."""
    resources = []
    if quota.limit_octets is not None:
        used, limit = -(-quota.used_octets // UNIT_OCTETS), quota.limit_octets // UNIT_OCTETS
        resources.append(b"STORAGE %d %d" % (used, limit))
    if quota.limit_messages is not None:
        resources.append(b"MESSAGE %d %d" % (quota.messages, quota.limit_messages))
    s.untagged(b"QUOTA %b (%b)" % (_wire(root), b" ".join(resources)))


def _wire(root: str) -> bytes:
    return writer.astring(root.encode("utf-8"))


ROWS = {
    "GETQUOTA": Row(parse_root, get_quota, AUTHENTICATED, capability=b"QUOTA"),
    "GETQUOTAROOT": Row(parse_name, get_quota_root, AUTHENTICATED, capability=b"QUOTA"),
    "SETQUOTA": Row(parse_set, set_quota, AUTHENTICATED, capability=b"QUOTASET"),
}
