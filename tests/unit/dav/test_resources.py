import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.dav import resources
from mailserver.dav.errors import BadPath, DavRefusal, NotFound, OtherHost
from mailserver.dav.resources import (
    Attachment,
    CollectionRef,
    Home,
    Homes,
    Inbox,
    InboxItem,
    MemberRef,
    Outbox,
    Principal,
    Principals,
    Resource,
    Root,
)
from mailserver.store.collections import Family

CAL, CARD = Family.CALENDARS, Family.ADDRESSBOOKS
USER = "ann@example.org"


@pytest.mark.parametrize(
    ("path", "resource"),
    [
        ("/dav/", Root()),
        ("/dav", Root()),
        ("/dav/principals/", Principals()),
        ("/dav/principals", Principals()),
        ("/dav/principals/ann@example.org/", Principal(USER)),
        ("/dav/principals/ann%40example.org/", Principal(USER)),
        ("/dav/principals/Ann@Example.ORG", Principal(USER)),
        ("/dav/principals/nobody/", Principal("nobody")),
        ("/dav/calendars/", Homes(CAL)),
        ("/dav/addressbooks/ann@example.org/", Home(CARD, USER)),
        ("/dav/calendars/ann@example.org/work", CollectionRef(CAL, USER, "work")),
        ("/dav/calendars/ann@example.org/w%C3%B6rk%20%2F/", CollectionRef(CAL, USER, "wörk /")),
        ("/dav/calendars/ann@example.org/work/a.ics", MemberRef(CAL, USER, "work", "a.ics")),
        ("/dav/calendars/ann@example.org/work/a%2Fb%3F%25.ics", MemberRef(CAL, USER, "work", "a/b?%.ics")),
        ("/dav/calendars/ann@example.org/work/%252F", MemberRef(CAL, USER, "work", "%2F")),
        ("/dav/calendars/ann@example.org/inbox/", Inbox(USER)),
        ("/dav/calendars/ann@example.org/inbox/x.ics", InboxItem(USER, "x.ics")),
        ("/dav/calendars/ann@example.org/outbox", Outbox(USER)),
        ("/dav/addressbooks/ann@example.org/inbox/", CollectionRef(CARD, USER, "inbox")),
        ("/dav/attachments/17/a%20b.pdf", Attachment("17", "a b.pdf")),
    ],
)
def test_paths_and_their_resources(path: str, resource: Resource) -> None:
    assert resources.parse(path) == resource
    assert resources.parse(resources.href(resource)) == resource


@pytest.mark.parametrize(
    ("path", "refusal"),
    [
        ("/", NotFound),
        ("/davs/", NotFound),
        ("/dav/other/", NotFound),
        ("/dav//calendars/", NotFound),
        ("/dav/calendars//work/", NotFound),
        ("/dav/calendars/u@x/work/a.ics/", NotFound),
        ("/dav/calendars/u@x/work/a/b", NotFound),
        ("/dav/calendars/u@x/inbox/a/b", NotFound),
        ("/dav/calendars/u@x/outbox/a", NotFound),
        ("/dav/principals/u@x/more", NotFound),
        ("/dav/calendars/../principals/", BadPath),
        ("/dav/calendars/u@x/work/%2e%2e", BadPath),
        ("/dav/calendars/u@x/work/.", BadPath),
        ("/dav/calendars/u@x/work/%00", BadPath),
        ("/dav/calendars/u@x/work/a%0D%0Ab", BadPath),
        ("/dav/calendars/u@x/work/%ff", BadPath),
        ("/dav/calendars/u@x/work/%ed%a0%80", BadPath),
        ("/dav/calendars/u@x/work/%zz", BadPath),
        ("/dav/calendars/u@x/work/50%", BadPath),
        ("/dav/calendars/u@x/work/" + "a" * 1025, BadPath),
        ("/dav/" + "a" * 5000, BadPath),
    ],
)
def test_paths_that_lead_nowhere(path: str, refusal: type[DavRefusal]) -> None:
    with pytest.raises(refusal):
        resources.parse(path)
    assert resources.find(path, "mail.example.org") is None


@pytest.mark.parametrize(
    "uri",
    [
        "/dav/principals/",
        "https://mail.example.org/dav/principals/",
        "http://MAIL.example.org:443/dav/principals/",
        "https://ann%40x:secret@mail.example.org/dav/principals/",
        " /dav/principals/?query#fragment ",
        "//mail.example.org/dav/principals/",
    ],
)
def test_hrefs_are_paths_or_whole_uris(uri: str) -> None:
    assert resources.reference(uri, "mail.example.org") == Principals()


@pytest.mark.parametrize(
    ("uri", "refusal"),
    [
        ("https://other.example/dav/principals/", OtherHost),
        ("https://mail.example.org:8443/dav/principals/", OtherHost),
        ("mailto:ann@example.org", OtherHost),
        ("ftp://mail.example.org/dav/", OtherHost),
        ("a.ics", BadPath),
        ("", BadPath),
        ("http://[", BadPath),
    ],
)
def test_hrefs_that_are_not_ours(uri: str, refusal: type[DavRefusal]) -> None:
    with pytest.raises(refusal):
        resources.reference(uri, "mail.example.org")


_NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=30).filter(
    lambda name: name not in {".", ".."}
)


@given(_NAMES, _NAMES.filter(lambda name: name not in {"inbox", "outbox"}))
def test_any_name_is_encoded_once_and_comes_back(name: str, slug: str) -> None:
    member = MemberRef(CAL, USER, slug, name)
    path = resources.href(member)
    assert resources.parse(path) == member
    assert path.isascii() and not set(path) & set(" <>&'\"?#\\")
    assert resources.parse(resources.href(member.collection)) == member.collection


@given(st.text())
def test_any_path_is_a_resource_or_refused(path: str) -> None:
    for given_path in (path, f"/dav/{path}", f"/dav/calendars/u@x/{path}"):
        found = resources.find(given_path, "h")
        assert found is None or resources.parse(resources.href(found)) == found


@pytest.mark.parametrize(
    ("resource", "above"),
    [
        (MemberRef(CAL, USER, "w", "a"), CollectionRef(CAL, USER, "w")),
        (CollectionRef(CARD, USER, "w"), Home(CARD, USER)),
        (InboxItem(USER, "a"), Inbox(USER)),
        (Outbox(USER), Home(CAL, USER)),
        (Home(CAL, USER), Homes(CAL)),
        (Principal(USER), Principals()),
        (Principals(), Root()),
        (Root(), None),
    ],
)
def test_what_a_resource_is_in(resource: Resource, above: Resource | None) -> None:
    assert resources.parent(resource) == above
