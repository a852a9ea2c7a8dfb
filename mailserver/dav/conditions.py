"""What a request expects, from its headers to what the services judge inside their transactions.

If may name other resources than the one that is changed. Its lists are alternatives: where one about another resource
holds, nothing is left to ask of this one; those about this one go along and are judged with the change.
"""

from mailserver.dav import resources
from mailserver.dav.request import DavRequest
from mailserver.dav.resources import CollectionRef, MemberRef, Resource
from mailserver.dav.wire.etags import ETags
from mailserver.dav.wire.if_header import State, StateList
from mailserver.errors import BadRequest, NoSuchCollection, NoSuchMember, PreconditionFailed
from mailserver.groupware import locks
from mailserver.groupware.conditions import ANY, Conditions, Term
from mailserver.groupware.scheduled import ScheduleOptions

NOWHERE = State(None, ())


async def of_member(request: DavRequest) -> Conditions:
    """For the member that the request is about. Raises BadRequest, PreconditionFailed."""
    return Conditions(
        _strong(request.if_match),
        _all(request.if_none_match),
        _schedule_tag(request.headers.get("if-schedule-tag-match")),
        await _own_lists(request),
        tokens(request),
        request.viewer.user_id,
    )


async def of_folder(request: DavRequest, *, exists: bool) -> Conditions:
    """For a collection, which has no entity tag. Raises BadRequest, PreconditionFailed."""
    wanted, unwanted = request.if_match, request.if_none_match
    if (wanted is not None and not (wanted.any and exists)) or (unwanted is not None and unwanted.any and exists):
        raise PreconditionFailed("A collection has no entity tag; * is for one that exists")
    if_ = request.if_
    if if_ is not None and not any([await _holds(request, each) for each in if_.lists]):
        raise PreconditionFailed("If: none of the lists holds")
    return submitted(request)


def submitted(request: DavRequest) -> Conditions:
    """Nothing but the lock tokens it shows: for the second resource that a request changes."""
    return Conditions(tokens=tokens(request), locked_by=request.viewer.user_id)


def tokens(request: DavRequest) -> frozenset[str]:
    return request.if_.tokens if request.if_ is not None else frozenset()


def schedule(request: DavRequest) -> ScheduleOptions:
    """RFC 6638 §8.1. Raises BadRequest."""
    value = request.headers.get("schedule-reply", "T").strip().upper()
    if value not in {"T", "F"}:
        raise BadRequest("Schedule-Reply is T or F")
    return ScheduleOptions(reply=value == "T")


def host(request: DavRequest) -> str:
    return request.headers.get("host", "")


async def _own_lists(request: DavRequest) -> tuple[tuple[Term, ...], ...]:
    """Those about the request's resource; () where nothing is left to be judged."""
    if_ = request.if_
    if if_ is None:
        return ()
    own = [each for each in if_.lists if _tagged(request, each) == request.resource]
    for each in if_.lists:
        if each not in own and await _holds(request, each):
            return ()
    if not own:
        raise PreconditionFailed("If: none of the lists holds")
    return tuple(tuple(Term(c.token, c.etag, c.negated) for c in each.conditions) for each in own)


def _tagged(request: DavRequest, state_list: StateList) -> Resource | None:
    """None: nothing of ours."""
    if state_list.resource is None:
        return request.resource
    return resources.find(state_list.resource, host(request))


async def _holds(request: DavRequest, state_list: StateList) -> bool:
    return state_list.holds(await _state(request, _tagged(request, state_list)))


async def _state(request: DavRequest, resource: Resource | None) -> State:
    if not isinstance(resource, (MemberRef, CollectionRef)) or resource.user != request.viewer.address:
        return NOWHERE
    viewer, services = request.viewer.user_id, request.services
    href = resource.href if isinstance(resource, MemberRef) else None
    try:
        held = locks.covering(await services.locks.list(viewer, resource.family, resource.slug), href)
    except NoSuchCollection:
        return NOWHERE
    etag = None
    if href is not None:
        try:
            etag = (await services.members.find(viewer, resource.family, resource.slug, href))[1].etag
        except NoSuchMember:
            etag = None  # a path without a member can be locked
    return State(etag, [lock.token for lock in held])


def _strong(tags: ETags | None) -> tuple[str, ...] | None:
    """Weak ones match nothing in If-Match, RFC 9110 §13.1.1."""
    if tags is None:
        return None
    return (ANY,) if tags.any else tuple(tags.strong)


def _all(tags: ETags | None) -> tuple[str, ...] | None:
    if tags is None:
        return None
    return (ANY,) if tags.any else (*tags.strong, *tags.weak)


def _schedule_tag(value: str | None) -> str | None:
    """RFC 6638 §8.3. Raises BadRequest."""
    if value is None:
        return None
    tag = value.strip()
    if len(tag) < 2 or tag[0] != '"' or tag[-1] != '"' or '"' in tag[1:-1]:
        raise BadRequest("If-Schedule-Tag-Match is one tag in quotes")
    return tag[1:-1]
