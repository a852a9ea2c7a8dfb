"""What strangers send to the DAV face: XML of any shape, paths of any octets, tokens and ACLs."""

import contextlib
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mailserver.dav import access_lists, asked, resources, sync_tokens, xml_kept, xml_reader, xml_writer
from mailserver.dav.errors import DavRefusal
from mailserver.dav.properties.table import ROWS
from mailserver.dav.reports import expand, principal_search
from mailserver.dav.reports import sync_collection as sync_report
from mailserver.dav.setting import Setting
from mailserver.dav.subjects import Subject
from mailserver.dav.xml_reader import Element
from mailserver.errors import BadSyncToken, Refusal
from mailserver.store.collections import Collection, Family, Kind

WORK = Collection(
    1, Family.CALENDARS, 1, "ann@example.test", "work", Kind.ORDINARY, "Work", None, None, None, None, None,
    ("VEVENT",), False, False, 5, 1, 0, 0, 0,
)  # fmt: skip
WORDS = [
    "<D:propfind xmlns:D='DAV:'>",
    "</D:propfind>",
    "<D:prop>",
    "</D:prop>",
    "<D:allprop/>",
    "<D:propname/>",
    "<D:include>",
    "</D:include>",
    "<D:sync-collection xmlns:D='DAV:'>",
    "</D:sync-collection>",
    "<D:sync-token>",
    "</D:sync-token>",
    "<D:sync-level>1</D:sync-level>",
    "<D:limit><D:nresults>5</D:nresults></D:limit>",
    "<D:acl xmlns:D='DAV:'>",
    "</D:acl>",
    "<D:ace>",
    "</D:ace>",
    "<D:principal>",
    "</D:principal>",
    "<D:href>/dav/principals/ben@example.test/</D:href>",
    "<D:grant>",
    "</D:grant>",
    "<D:privilege><D:read/></D:privilege>",
    "<D:privilege>",
    "</D:privilege>",
    "<D:deny/>",
    "<D:invert/>",
    "<x xmlns='urn:x' a='1'>",
    "</x>",
    "<x:y xmlns:x='urn:\"'/>",
    "&amp;",
    "&lt;",
    "&#10;",
    "&#0;",
    "&x;",
    "<!DOCTYPE a>",
    "<![CDATA[",
    "]]>",
    "<!-- -->",
    "<?pi?>",
    "é",
    "\x00",
    "\ufffe",
    "<",
    ">",
    '"',
    "'",
    " ",
    "\r\n",
    "<D:displayname>",
    "</D:displayname>",
    "<D:property name='owner'>",
    "</D:property>",
    "<D:property-search>",
    "</D:property-search>",
    "<D:match>a</D:match>",
]
SEGMENTS = [
    "",
    "dav",
    "calendars",
    "addressbooks",
    "principals",
    "ann@example.test",
    "work",
    "inbox",
    "%2F",
    "%",
    "%00",
    "%c3%a9",
    "%ff",
    "..",
    ".",
    "a b",
    "é",
    "?",
    "#",
    "//",
    "%2e%2e",
    "attachments",
    "\r\n",
    "a" * 2000,
]

_documents = st.lists(st.sampled_from(WORDS), max_size=25).map("".join)


def take(octets: bytes) -> None:
    """A body as every method reads it; whatever is no Refusal is the bug that is looked for."""
    with contextlib.suppress(Refusal):
        root = xml_reader.read(octets)
        assert xml_reader.read(xml_kept.written(root)) == root
        for read in _READERS:
            with contextlib.suppress(Refusal):
                read(root)


def _set(root: Element) -> None:
    for subject in (Subject.CALENDAR, Subject.EVENT, Subject.CALENDAR_HOME):
        setting = Setting()
        setting.set(subject, root.children)
        xml_reader.read(xml_writer.document(root.name, setting.propstats()))


def _live(root: Element) -> None:
    for row in ROWS:
        if row.live is not None:
            with contextlib.suppress(DavRefusal):
                row.live.parse(root)


_READERS = (
    asked.of_propfind,
    asked.of_report,
    lambda root: access_lists.shares(root, "ann@example.test", lambda href: resources.find(href, "h")),
    lambda root: sync_report._query(root, None),
    lambda root: expand._wanted(root, expand.MAX_LEVELS),
    principal_search._conditions,
    _set,
    _live,
)


@settings(max_examples=300)
@given(_documents)
def test_any_words_of_xml_are_read_or_refused(text: str) -> None:
    take(text.encode("utf-8", "surrogatepass"))
    take(f"<D:a xmlns:D='DAV:'>{text}</D:a>".encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("seed", range(20))
def test_documents_with_damaged_octets_are_read_or_refused(seed: int) -> None:
    chance = random.Random(seed)
    whole = bytearray(
        b'<?xml version="1.0" encoding="utf-8"?><D:acl xmlns:D="DAV:"><D:ace><D:principal><D:href>/dav/principals/b@x/'
        b"</D:href></D:principal><D:grant><D:privilege><D:read/></D:privilege></D:grant></D:ace></D:acl>"
    )
    for _ in range(200):
        damaged = bytearray(whole)
        for _ in range(chance.randint(1, 4)):
            damaged[chance.randrange(len(damaged))] = chance.randrange(256)
        take(bytes(damaged[: chance.randint(1, len(damaged))]))


@settings(max_examples=300)
@given(st.lists(st.sampled_from(SEGMENTS), max_size=8).map("/".join), st.sampled_from(["", "/", "/dav/", "https://h"]))
def test_any_path_leads_to_one_resource_or_nowhere(path: str, before: str) -> None:
    found = resources.find(before + path, "h")
    if found is not None:
        assert resources.parse(resources.href(found)) == found
        assert xml_writer.escape(resources.href(found)) == resources.href(found).encode("ascii")


@given(st.text(max_size=60))
def test_any_sync_token_is_a_point_or_refused(text: str) -> None:
    for token in (text, f"sync:calendars:1:{text}"):
        try:
            point = sync_tokens.read(token, WORK)
        except BadSyncToken:
            continue
        assert sync_tokens.read(sync_tokens.word(WORK, point), WORK) == point
