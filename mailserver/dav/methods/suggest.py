"""Completion for programs that send mail: GET of an address book home with ?suggest=PREFIX.

GET /dav/addressbooks/ann@example.test/?suggest=jo&limit=5
[{"name": "Jo Doe", "address": "jo@example.com", "source": "correspondent", "score": 2.7}]
"""

import json
from collections.abc import Mapping
from urllib.parse import parse_qs

from mailserver.dav.request import DavRequest
from mailserver.dav.resources import Home
from mailserver.dav.response import Response
from mailserver.errors import BadRequest
from mailserver.groupware.contacts import suggestions
from mailserver.groupware.contacts.suggestions import DEFAULT_LIMIT, MAX_LIMIT, Suggestion
from mailserver.store.collections import Family

JSON = "application/json"
PRIVATE = (("Cache-Control", "private, no-store"), ("X-Content-Type-Options", "nosniff"))
MAX_FIELDS = 10


def is_wanted(request: DavRequest) -> bool:
    resource = request.resource
    return isinstance(resource, Home) and resource.family is Family.ADDRESSBOOKS and "suggest" in _fields(request)


async def suggest(request: DavRequest) -> Response:
    """Raises BadRequest."""
    fields = _fields(request)
    prefix, limit = fields["suggest"], _limit(fields.get("limit"))
    store = request.services.store
    now_ms = int(store.clock.now().timestamp() * 1000)
    found = await store.read(suggestions.suggest, request.viewer.user_id, prefix, limit, now_ms)
    body = json.dumps([_shown(each) for each in found], ensure_ascii=False)
    return Response(200, body.encode("utf-8"), JSON, PRIVATE)


def _fields(request: DavRequest) -> Mapping[str, str]:
    """The query's, the first of each name. Raises BadRequest."""
    try:
        parsed = parse_qs(request.query, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError:
        raise BadRequest("The query is not name=value pairs in UTF-8") from None
    return {name: values[0] for name, values in parsed.items()}


def _limit(written: str | None) -> int:
    if written is None:
        return DEFAULT_LIMIT
    if not (written.isascii() and written.isdigit() and len(written) <= 3 and 1 <= int(written) <= MAX_LIMIT):
        raise BadRequest(f"limit is a number from 1 to {MAX_LIMIT}")
    return int(written)


def _shown(each: Suggestion) -> dict[str, str | float]:
    return {"name": each.name, "address": each.address, "source": str(each.source), "score": round(each.score, 3)}
