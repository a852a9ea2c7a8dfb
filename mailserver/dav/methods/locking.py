"""LOCK and UNLOCK: write locks on an object, a name to be, or a collection. RFC 4918 §9.10, §9.11."""

from mailserver.dav import conditions, xml_body, xml_kept, xml_writer
from mailserver.dav.errors import BadXml, NotFound
from mailserver.dav.names import dav
from mailserver.dav.properties.locks import active_lock, root
from mailserver.dav.request import DavRequest
from mailserver.dav.resources import CollectionRef, MemberRef
from mailserver.dav.response import XML, Answer, Response
from mailserver.dav.row import Row
from mailserver.dav.wire import headers
from mailserver.dav.wire.headers import Depth
from mailserver.dav.xml_reader import Element
from mailserver.errors import BadRequest, NoSuchLock, NoSuchMember
from mailserver.groupware.conditions import Conditions
from mailserver.groupware.locks import LockRequest
from mailserver.store.dav_locks import Lock


async def lock(request: DavRequest) -> Answer:
    """With a body a new lock, without one the lock of If for longer."""
    ref = _lockable(request)
    info = await xml_body.element(request)
    seconds = headers.timeout(request.headers.get("timeout"))
    if info is None:
        return await _refresh(request, ref, seconds)
    if request.depth is Depth.ONE:
        raise BadRequest("A lock has Depth 0 or infinity")
    is_deep = request.depth is not Depth.ZERO and isinstance(ref, CollectionRef)
    exclusive, owner = _wanted(info)
    wanted = LockRequest(exclusive, is_deep, owner, seconds)
    when = await _when(request, ref)
    exists = await _exists(request, ref)
    made = await request.services.locks.add(request.viewer.user_id, ref.family, ref.slug, _href(ref), wanted, when)
    return _answer(request, ref, made, 200 if exists else 201, (("Lock-Token", f"<{made.token}>"),))


async def unlock(request: DavRequest) -> Answer:
    ref = _lockable(request)
    token = headers.lock_token(request.headers.get("lock-token"))
    await request.services.locks.remove(request.viewer.user_id, ref.family, ref.slug, _href(ref), token)
    return Response(204)


async def _refresh(request: DavRequest, ref: MemberRef | CollectionRef, seconds: int) -> Answer:
    """RFC 4918 §9.10.2: If names the one lock."""
    named = conditions.tokens(request)
    if len(named) != 1:
        raise BadRequest("A lock is refreshed by the one token in If; a new one has a DAV:lockinfo body")
    [token] = named
    services, viewer = request.services, request.viewer.user_id
    try:
        made = await services.locks.refresh(viewer, ref.family, ref.slug, _href(ref), token, seconds)
    except NoSuchLock:
        raise NoSuchLockHere from None
    return _answer(request, ref, made, 200)


class NoSuchLockHere(NoSuchLock):
    """RFC 4918 §9.10.6: an If that does not hold."""

    http = 412


async def _when(request: DavRequest, ref: MemberRef | CollectionRef) -> Conditions:
    if isinstance(ref, MemberRef):
        return await conditions.of_member(request)
    return await conditions.of_folder(request, exists=True)


async def _exists(request: DavRequest, ref: MemberRef | CollectionRef) -> bool:
    if isinstance(ref, CollectionRef):
        return True
    try:
        await request.services.members.find(request.viewer.user_id, ref.family, ref.slug, ref.href)
    except NoSuchMember:
        return False
    return True


def _wanted(info: Element) -> tuple[bool, bytes]:
    """Whether it is exclusive, and what is inside DAV:owner. Raises BadXml."""
    scope, kind, owner = (info.find(dav(name)) for name in ("lockscope", "locktype", "owner"))
    if info.name != dav("lockinfo") or scope is None or kind is None or kind.find(dav("write")) is None:
        raise BadXml("The body of LOCK is DAV:lockinfo with a scope and the type write")
    exclusive, shared = (scope.find(dav(name)) is not None for name in ("exclusive", "shared"))
    if exclusive is shared:
        raise BadXml("The scope of a lock is exclusive or shared")
    return exclusive, _inner(owner) if owner is not None else b""


def _inner(owner: Element) -> bytes:
    parts = (xml_kept.written(p) if isinstance(p, Element) else xml_writer.escape(p) for p in owner.content)
    return b"".join(parts)


def _answer(
    request: DavRequest,
    ref: MemberRef | CollectionRef,
    made: Lock,
    status: int,
    more: tuple[tuple[str, str], ...] = (),
) -> Response:
    now_ms = int(request.services.store.clock.now().timestamp() * 1000)
    discovery = xml_writer.element(dav("lockdiscovery"), active_lock(made, root(ref, made), now_ms))
    return Response(status, xml_writer.document(dav("prop"), discovery), XML, more)


def _lockable(request: DavRequest) -> MemberRef | CollectionRef:
    if not isinstance(request.resource, (MemberRef, CollectionRef)):
        raise NotFound
    return request.resource


def _href(ref: MemberRef | CollectionRef) -> str | None:
    return ref.href if isinstance(ref, MemberRef) else None


_ON = (MemberRef, CollectionRef)
ROWS = {"LOCK": Row(lock, _ON), "UNLOCK": Row(unlock, _ON)}
