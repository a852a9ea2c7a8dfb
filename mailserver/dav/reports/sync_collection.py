"""DAV:sync-collection: what changed in a collection since its token, removals included. RFC 6578 §3."""

import asyncio
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass

from mailserver.dav import asked as asking
from mailserver.dav import multistatus, propstats, sync_tokens, xml_writer
from mailserver.dav.asked import Asked
from mailserver.dav.errors import BadXml
from mailserver.dav.gather import Gathering
from mailserver.dav.member_responses import MemberResponses
from mailserver.dav.methods.propfind import dead_of_members
from mailserver.dav.names import dav
from mailserver.dav.reports.row import ReportRow
from mailserver.dav.request import DavRequest
from mailserver.dav.resources import CollectionRef
from mailserver.dav.response import Answer
from mailserver.dav.subjects import COLLECTIONS, subject_of
from mailserver.dav.wire.headers import Depth
from mailserver.dav.xml_reader import Element
from mailserver.errors import BadSyncToken
from mailserver.groupware import sync
from mailserver.groupware.sync import Changes
from mailserver.store.database import Rx

_NUMBER = re.compile(r"[0-9]{1,9}")
_LEVELS = {"1", "infinite"}  # the same here: collections hold no collections


@dataclass(frozen=True, slots=True)
class _Query:
    token: str  # "" for everything
    limit: int | None
    asked: Asked


async def sync_collection(request: DavRequest, root: Element) -> Answer:
    query = _query(root, request.depth)
    responses, changes = await request.services.store.read(_changes, request, query)
    return await multistatus.answer(_pieces(responses, changes), minimal=request.prefer.minimal)


def _query(root: Element, depth: Depth | None) -> _Query:
    """Raises BadXml. Depth is 0; clients of the drafts sent their level as Depth: 1 and no sync-level."""
    token, level = root.find(dav("sync-token")), root.find(dav("sync-level"))
    if token is None:
        raise BadXml("sync-collection has a sync-token, empty at the first time")
    if level is None and depth is not Depth.ONE:
        raise BadXml("sync-collection has a sync-level, 1 or infinite")
    if level is not None and level.text not in _LEVELS:
        raise BadXml("sync-level is 1 or infinite")
    return _Query(token.text, _limit(root), asking.of_report(root))


def _limit(root: Element) -> int | None:
    """Raises BadXml. RFC 5323 §5.17"""
    limit = root.find(dav("limit"))
    results = limit.find(dav("nresults")) if limit is not None else None
    if results is None:
        return None
    if _NUMBER.fullmatch(results.text) is None or int(results.text) == 0:
        raise BadXml("nresults is a number above 0")
    return int(results.text)


def _changes(rx: Rx, request: DavRequest, query: _Query) -> tuple[MemberResponses, Changes]:
    """One transaction: the token answered is of what is listed."""
    resource = request.resource
    if not isinstance(resource, CollectionRef):
        raise BadSyncToken
    now_ms = int(request.services.store.clock.now().timestamp() * 1000)
    needs = propstats.needs(query.asked, (subject_of(resource),))
    folder = Gathering(rx, request.viewer, request.services.config, now_ms, needs).of(resource, dead=False)
    if folder.seen is None:
        raise BadSyncToken
    collection = folder.seen.collection
    since = sync_tokens.read(query.token, collection) if query.token else None
    changes = sync.changes(rx, request.viewer.user_id, resource.family, resource.slug, since, query.limit)
    dead = dead_of_members(rx, collection, query.asked) if changes.members else {}
    return MemberResponses(query.asked, folder, minimal=request.prefer.minimal, dead=dead), changes


async def _pieces(responses: MemberResponses, changes: Changes) -> AsyncIterator[bytes]:
    size = responses.at_once
    for start in range(0, len(changes.members), size):
        yield b"".join(map(responses.response, changes.members[start : start + size]))
        await asyncio.sleep(0)
    yield b"".join(map(responses.removed, changes.removed))
    if changes.truncated:
        # §3.6: the collection itself is reported as cut, and the token says where to go on.
        cut = xml_writer.element(dav("number-of-matches-within-limits"))
        yield xml_writer.status_response(responses.folder, 507, cut)
    yield xml_writer.sync_token(sync_tokens.word(changes.seen.collection, changes.point))


ROWS = {dav("sync-collection"): ReportRow(sync_collection, COLLECTIONS)}
