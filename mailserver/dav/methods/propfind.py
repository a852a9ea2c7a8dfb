"""PROPFIND: properties of a resource, and with Depth: 1 of what is in it. RFC 4918 §9.1."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, replace

from mailserver.dav import asked as asking
from mailserver.dav import multistatus, propstats, xml_body
from mailserver.dav.asked import Asked
from mailserver.dav.errors import InfiniteDepth
from mailserver.dav.facts import Facts
from mailserver.dav.gather import Gathering, dead_of
from mailserver.dav.member_responses import MemberResponses, has_dead_names
from mailserver.dav.names import Name
from mailserver.dav.request import DavRequest
from mailserver.dav.resources import CollectionRef, is_collection
from mailserver.dav.response import Answer
from mailserver.dav.row import Row
from mailserver.dav.subjects import Subject, subject_of
from mailserver.dav.wire.headers import Depth
from mailserver.store import dead_properties, members
from mailserver.store.collections import Collection, Family
from mailserver.store.database import Rx
from mailserver.store.members import PIECE, Member

Dead = Mapping[str, Mapping[Name, bytes]]


@dataclass(frozen=True, slots=True)
class _Found:
    """What one transaction read: the resource, what is in a folder, or the members of a collection."""

    self: Facts
    below: Sequence[Facts] = ()
    responses: MemberResponses | None = None
    members: Sequence[Member] = ()
    etags: Sequence[tuple[str, str]] = ()


async def propfind(request: DavRequest) -> Answer:
    depth = request.depth or Depth.INFINITY
    if depth is Depth.INFINITY and is_collection(request.resource):
        raise InfiniteDepth
    body = await xml_body.element(request)
    asked = asking.of_propfind(body) if body is not None else asking.ALL
    found = await request.services.store.read(_found, request, asked, depth is Depth.ONE)
    return await multistatus.answer(_pieces(request, asked, found), minimal=request.prefer.minimal)


async def _pieces(request: DavRequest, asked: Asked, found: _Found) -> AsyncIterator[bytes]:
    minimal = request.prefer.minimal
    if not request.prefer.depth_noroot or request.depth is not Depth.ONE:  # RFC 8144 §3
        yield propstats.response(asked, found.self, minimal=minimal)
    for facts in found.below:
        yield propstats.response(asked, facts, minimal=minimal)
    if found.responses is None:
        return
    size = found.responses.at_once
    for start in range(0, len(found.members), size):
        yield b"".join(map(found.responses.response, found.members[start : start + size]))
        await asyncio.sleep(0)  # other sessions have their turn
    for start in range(0, len(found.etags), PIECE):
        yield found.responses.etags(found.etags[start : start + PIECE])
        await asyncio.sleep(0)


def _found(rx: Rx, request: DavRequest, asked: Asked, with_members: bool) -> _Found:
    resource = request.resource
    subjects = (subject_of(resource),) if not with_members else Subject
    clock = request.services.store.clock
    gathering = Gathering(
        rx,
        request.viewer,
        request.services.config,
        int(clock.now().timestamp() * 1000),
        propstats.needs(asked, subjects),
    )
    facts = gathering.of(resource)
    if not with_members:
        return _Found(facts)
    if isinstance(resource, CollectionRef) and facts.seen is not None:
        return _with_members(rx, facts, facts.seen.collection, asked, minimal=request.prefer.minimal)
    return _Found(facts, gathering.below(resource))


def _with_members(rx: Rx, facts: Facts, collection: Collection, asked: Asked, *, minimal: bool) -> _Found:
    responses = MemberResponses(asked, facts, minimal=minimal, dead=dead_of_members(rx, collection, asked))
    found = _Found(facts, responses=responses)
    if responses.needs_etags_only:
        return replace(found, etags=members.list_etags(rx, collection))
    return replace(found, members=members.list(rx, collection))


def dead_of_members(rx: Rx, collection: Collection, asked: Asked, data: Sequence[Name] = ()) -> Dead:
    """By href, where a dead property may be asked for at all."""
    subject = _MEMBER[collection.family]
    if not has_dead_names(asked, subject, data):
        return {}
    stored = dead_properties.list_of_collection(rx, collection.family, collection.id)
    return {href: dead_of(properties) for href, properties in stored.items()}


_MEMBER = {Family.CALENDARS: Subject.EVENT, Family.ADDRESSBOOKS: Subject.CONTACT}

ROWS = {"PROPFIND": Row(propfind, (object,))}
