"""Rights: letters, the old ones among them, and how lines of a list add up. RFC 4314 §2."""

import pytest

from mailserver.mail import rights
from mailserver.mail.rights import ALL, KEPT, Grant, granted

OWNER, BOB, CAT = 1, 2, 3


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("lrs", "lrs"),
        ("", ""),
        ("srl", "lrs"),  # any order
        ("c", "kx"),  # RFC 4314 §2.1.1, the first group of servers
        ("d", "te"),
        ("cdke", "kxte"),
        ("lrswipkxteacd", "lrswipkxtea"),
    ],
)
def test_letters_are_read(text: str, meant: str) -> None:
    assert rights.parse(text) == frozenset(meant)


@pytest.mark.parametrize("text", ["L", "lrq", "0", "l r", "é", "-l", "\x00"])
def test_what_is_no_right_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no right"):
        rights.parse(text)


@pytest.mark.parametrize(
    ("given", "text"),
    [("", ""), ("srl", "lrs"), ("k", "kc"), ("x", "xc"), ("t", "td"), ("e", "ed"), ("lrswipkxtea", "lrswipkxteacd")],
)
def test_the_old_letters_are_told_where_one_of_their_rights_is_there(given: str, text: str) -> None:
    assert rights.text(frozenset(given)) == text
    assert rights.parse(rights.text(frozenset(given), virtual=False)) == frozenset(given)


def line(user_id: int | None, letters: str, *, negative: bool = False) -> Grant:
    return Grant(user_id, negative, frozenset(letters))


@pytest.mark.parametrize(
    ("grants", "user_id", "may"),
    [
        ([], OWNER, ALL),
        ([], BOB, ""),
        ([line(BOB, "lr")], BOB, "lr"),
        ([line(BOB, "lr")], CAT, ""),
        ([line(BOB, "lr"), line(None, "ls")], BOB, "lrs"),  # the union
        ([line(BOB, "lr"), line(None, "ls")], CAT, "ls"),
        ([line(None, "lrs"), line(BOB, "s", negative=True)], BOB, "lr"),
        ([line(BOB, "lrs"), line(None, "s", negative=True)], BOB, "lr"),  # taken wins over given, wherever from
        ([line(BOB, "lrs", negative=True)], BOB, ""),
        ([line(BOB, "lr"), line(None, "lr")], OWNER, ALL),
        ([line(None, "lrswipkxtea", negative=True)], OWNER, ALL),  # what is taken from anyone is not taken from him
        ([line(OWNER, "r")], OWNER, "rla"),
        ([line(OWNER, "lrtea", negative=True)], OWNER, ALL - frozenset("rte")),
        ([line(OWNER, "lr"), line(OWNER, "rla", negative=True)], OWNER, KEPT),
        ([line(OWNER, "r")], BOB, ""),
    ],
)
def test_lines_add_up(grants: list[Grant], user_id: int, may: str) -> None:
    assert granted(OWNER, grants, user_id) == frozenset(may)


def test_every_flag_has_one_right() -> None:
    flags = ("\\Seen", "\\Deleted", "\\Answered", "\\Flagged", "\\Draft", "$Work")
    assert [rights.of_flag(flag) for flag in flags] == ["s", "t", "w", "w", "w", "w"]
