"""Names of mailboxes: what may be made and how it is spelled."""

import pytest

from mailserver.errors import CannotMailbox
from mailserver.mailboxes import names


@pytest.mark.parametrize(
    ("given", "canonical"),
    [
        ("inbox", "INBOX"),
        ("iNbOx/Lists", "INBOX/Lists"),
        ("inboxes", "inboxes"),
        ("Entwu\u0308rfe", "Entw\u00fcrfe"),  # NFD, as macOS types it
        ("Archive", "Archive"),
    ],
)
def test_names_have_one_spelling(given: str, canonical: str) -> None:
    assert names.canonical(given) == canonical


@pytest.mark.parametrize(
    ("given", "made"),
    [
        ("Lists/", "Lists"),  # announces mailboxes below, RFC 9051 §6.3.4
        ("..", ".."),
        (".hidden/a.b", ".hidden/a.b"),
        ("a*b%", "a*b%"),
        ("日本語/受信", "日本語/受信"),
        ("x" * names.MAX_NAME_CHARACTERS, "x" * names.MAX_NAME_CHARACTERS),
        ("/".join("a" * names.MAX_DEPTH), "/".join("a" * names.MAX_DEPTH)),
    ],
)
def test_any_sensible_name_may_be_made(given: str, made: str) -> None:
    assert names.check(given) == made


@pytest.mark.parametrize(
    "given",
    [
        "",
        "/",
        "/a",
        "a//b",
        "a//",
        "a\x00b",
        "a\r\nb",
        "a\x7fb",
        "a\u0085b",
        "a\u2028b",
        "a\ud800b",
        "x" * (names.MAX_NAME_CHARACTERS + 1),
        "/".join("a" * (names.MAX_DEPTH + 1)),
    ],
)
def test_other_names_are_refused(given: str) -> None:
    with pytest.raises(CannotMailbox):
        names.check(given)


def test_parents_come_outermost_first() -> None:
    assert names.parents("a/b/c") == ["a", "a/b"]
    assert names.parents("a") == []


def test_a_longer_name_is_not_a_child() -> None:
    assert names.has_children("a", ["a", "a/b"])
    assert not names.has_children("a", ["a", "ab", "ab/c"])
