"""What SORT compares: names out of envelopes, replies by their subject, orders of several keys."""

import random
from functools import cmp_to_key

import pytest

from mailserver.mail import envelope, sorting
from mailserver.mail.envelope_names import Field, first
from mailserver.mail.headers import Header
from mailserver.mail.sorting import Criterion, SortKey, Value, compound, ordered, stable_sorted
from mailserver.mail.subjects import is_reply_or_forward


@pytest.mark.parametrize(
    ("field", "sorted_as", "displayed_as"),
    [
        (b"", "", ""),
        (b"Bob <Bob@Example.test>", "bob", "bob"),
        (b"bob@example.test", "bob", "bob@example.test"),
        (b'"Quoted \\"B\\"" <x@y.test>', "x", 'quoted "b"'),
        (b"=?utf-8?q?=C3=84nne?= <a@y.test>", "a", "a\u0308nne"),
        (b"first@a.test, second@b.test", "first", "first@a.test"),
        (b"Group: a@b.test, c@d.test;", "group", "group"),
        (b"undisclosed-recipients:;", "undisclosed-recipients", "undisclosed-recipients"),
        ("Žofie <ž@y.test>".encode(), "z\u030c", "z\u030cofie"),  # 8-bit: literals in the envelope
        (b"nobody", "nobody", "nobody"),
        (b"<@route.test:x@y.test>", "x", "x@y.test"),
    ],
)
@pytest.mark.parametrize("subject", [b"plain", b'"quoted\\"', "ünï".encode(), b""])
def test_the_first_address_of_a_field(field: bytes, sorted_as: str, displayed_as: str, subject: bytes) -> None:
    block = b"Subject: %b\r\nSender: s@s.test\r\nFrom: %b\r\nTo: t@t.test, %b\r\nCc: %b\r\n\r\n"
    stored = envelope.read(Header(block % (subject, field, field, field))).imap
    for place in (Field.FROM, Field.CC):
        found = first(stored, place)
        assert (found.sorted_as, found.displayed_as) == (sorted_as, displayed_as)
    assert first(stored, Field.TO).sorted_as == "t"


@pytest.mark.parametrize("octets", [b"", b"(", b"NIL", b"(NIL NIL NIL", b'("a', b"({9}\r\nab", b"((((((((("])
def test_what_is_no_envelope_has_no_names(octets: bytes) -> None:
    for field in Field:
        assert first(octets, field).sorted_as == ""


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Hello", False),
        ("Re: Hello", True),
        ("re : Hello", True),
        ("Fwd: Hello", True),
        ("FW: Hello", True),
        ("Re[2]: Hello", True),
        ("[list] Re: Hello", True),
        ("[list] Hello", False),
        ("  Hello   there  ", False),
        ("Hello (fwd)", True),
        ("[fwd: Hello]", True),
        ("Reply to you", False),
        ("Re:", True),
        ("[list]", False),
        ("", False),
        ("AW: Hallo", False),
    ],
)
def test_replies_and_forwards(subject: str, expected: bool) -> None:
    assert is_reply_or_forward(subject) is expected


def test_several_keys_each_its_own_way_and_ties_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "RUN", 7)  # merges too
    chance = random.Random(5)
    for _ in range(200):
        uids = sorted(chance.sample(range(1, 200), chance.randint(0, 60)))
        columns: list[dict[int, Value]] = [
            {uid: chance.randint(0, 4) for uid in uids},
            {uid: chance.choice(["", "a", "b", "ä"]) for uid in uids},
            {uid: chance.randint(0, 2) for uid in uids},
        ]
        keys = [SortKey(criterion, chance.random() < 0.5) for criterion in [*Criterion][:3]]

        def compare(one: int, other: int, keys: list[SortKey] = keys, columns: list[dict[int, Value]] = columns) -> int:
            for key, column in zip(keys, columns, strict=True):
                if column[one] != column[other]:
                    less = column[one] < column[other]  # type: ignore[operator]
                    return -1 if less != key.reverse else 1
            return one - other

        wanted = sorted(uids, key=cmp_to_key(compare))
        lookups = [column.__getitem__ for column in columns]
        assert ordered(uids, keys, lookups) == wanted
        assert sorted(uids, key=compound(keys, lookups)) == wanted


def test_runs_are_merged_into_one_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sorting, "RUN", 10)
    values = random.Random(1).choices(range(50), k=999)
    numbered = dict(enumerate(values))
    for reverse in (False, True):
        wanted = sorted(numbered, key=numbered.__getitem__, reverse=reverse)
        assert stable_sorted([*numbered], numbered.__getitem__, reverse=reverse) == wanted
