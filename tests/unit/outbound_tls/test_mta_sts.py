"""MTA-STS records and policies: read strictly, within bounds. RFC 8461 §3, §4.1"""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.outbound_tls.mta_sts import (
    MAX_AGE_SECONDS,
    MAX_PATTERNS,
    MAX_POLICY_OCTETS,
    MIN_AGE_SECONDS,
    BadPolicy,
    Mode,
    StsPolicy,
    parse,
    record_id,
)

RFC_POLICY = b"""version: STSv1\r
mode: enforce\r
mx: mail.example.com\r
mx: *.example.net\r
mx: backupmx.example.com\r
max_age: 604800\r
"""

RFC_MX = ("mail.example.com", "*.example.net", "backupmx.example.com")

RECORDS = [
    ("as in the RFC", (b"v=STSv1; id=20160831085700Z;",), "20160831085700Z"),
    ("no delimiter at the end", (b"v=STSv1; id=1",), "1"),
    ("no spaces", (b"v=STSv1;id=abc;",), "abc"),
    ("spaces around the delimiter", (b"v=STSv1 ; id=abc ;",), "abc"),
    ("fields nobody knows", (b"v=STSv1; id=abc; later=a:b",), "abc"),
    ("others beside it", (b"google-site-verification=x", b"v=STSv1; id=1", b"v=spf1 -all"), "1"),
    ("none", (), None),
    ("another version", (b"v=STSv2; id=1",), None),
    ("version not first", (b"id=1; v=STSv1;",), None),
    ("two of them", (b"v=STSv1; id=1;", b"v=STSv1; id=2;"), None),
    ("no id", (b"v=STSv1;",), None),
    ("two ids", (b"v=STSv1; id=1; id=2",), None),
    ("an id too long", (b"v=STSv1; id=" + b"1" * 33,), None),
    ("an id of other characters", (b"v=STSv1; id=2024-01-01",), None),
    ("not ASCII", ("v=STSv1; id=ä".encode(),), None),
    ("a field without a value", (b"v=STSv1; id=1; x=",), None),
    ("an empty field", (b"v=STSv1;; id=1",), None),
    ("endless", (b"v=STSv1; id=1;" + b" x=y;" * 2000,), None),
]

POLICIES = [
    (
        "as in the RFC",
        RFC_POLICY,
        (Mode.ENFORCE, 604800, ("mail.example.com", "*.example.net", "backupmx.example.com")),
    ),
    ("LF alone", RFC_POLICY.replace(b"\r", b""), (Mode.ENFORCE, 604800, RFC_MX)),
    ("any order", b"max_age: 86400\nmx: a.b\nmode: testing\nversion: STSv1", (Mode.TESTING, 86400, ("a.b",))),
    ("no space", b"version:STSv1\nmode:enforce\nmx:a.b\nmax_age:86400", (Mode.ENFORCE, 86400, ("a.b",))),
    ("empty lines", b"\n\n" + RFC_POLICY + b"\n  \n", (Mode.ENFORCE, 604800, RFC_MX)),
    ("keys nobody knows", RFC_POLICY + b"later: x: y\n", (Mode.ENFORCE, 604800, RFC_MX)),
    ("a key twice: the first", b"mode: none\n" + RFC_POLICY, (Mode.NONE, 604800, RFC_MX)),
    ("none needs no mx", b"version: STSv1\nmode: none\nmax_age: 86400", (Mode.NONE, 86400, ())),
    ("mx is compared in lower case", RFC_POLICY.replace(b"mail.", b"MAIL."), (Mode.ENFORCE, 604800, RFC_MX)),
    ("an age too short", b"version: STSv1\nmode: none\nmax_age: 0", (Mode.NONE, MIN_AGE_SECONDS, ())),
    ("an age too long", b"version: STSv1\nmode: none\nmax_age: 9999999999", (Mode.NONE, MAX_AGE_SECONDS, ())),
]

BAD = [
    ("nothing", b"", "version"),
    ("a web page", b"<html>\n<body>404</body></html>", "line 1"),
    ("another version", RFC_POLICY.replace(b"STSv1", b"STSv2"), "STSv2"),
    ("no mode", RFC_POLICY.replace(b"mode: enforce\r\n", b""), "mode"),
    ("an unknown mode", RFC_POLICY.replace(b"enforce", b"report"), "report"),
    ("mode in capitals", RFC_POLICY.replace(b"enforce", b"ENFORCE"), "ENFORCE"),
    ("no age", b"version: STSv1\nmode: enforce\nmx: a.b", "max_age"),
    ("an age below zero", b"version: STSv1\nmode: none\nmax_age: -1", "max_age"),
    ("an age in days", b"version: STSv1\nmode: none\nmax_age: 7d", "max_age"),
    ("no mx", b"version: STSv1\nmode: testing\nmax_age: 86400", "no mx"),
    ("a star in the middle", RFC_POLICY + b"mx: mail.*.example\n", "mx pattern"),
    ("a star for everything", RFC_POLICY + b"mx: *\n", "mx pattern"),
    ("half a label", RFC_POLICY + b"mx: mail*.example.com\n", "mx pattern"),
    ("an address literal", RFC_POLICY + b"mx: [192.0.2.1]\n", "mx pattern"),
    ("a line without a colon", RFC_POLICY + b"enforce\n", "line 7"),
    ("a key without a value", RFC_POLICY + b"mx:\n", "line 7"),
    ("not UTF-8", RFC_POLICY + b"x: \xff\n", "UTF-8"),
    ("too large", RFC_POLICY + b"\n" * MAX_POLICY_OCTETS, "octets"),
    ("too many hosts", RFC_POLICY + b"".join(b"mx: a%d.b\n" % n for n in range(MAX_PATTERNS)), "more than"),
]

HOSTS = [
    ("mail.example.com", True),
    ("MAIL.EXAMPLE.COM", True),
    ("mail.example.com.", True),
    ("mx1.example.net", True),
    ("a.mx1.example.net", False),  # the star is one label, RFC 8461 §4.1
    ("example.net", False),
    ("other.example.com", False),
    ("mail.example.com.evil.example", False),
    ("", False),
]


@pytest.mark.parametrize(("why", "records", "found"), RECORDS, ids=[row[0] for row in RECORDS])
def test_the_record_says_its_id_or_there_is_none(why: str, records: tuple[bytes, ...], found: str | None) -> None:
    assert record_id(records) == found


@pytest.mark.parametrize(("why", "text", "policy"), POLICIES, ids=[row[0] for row in POLICIES])
def test_a_policy_is_read(why: str, text: bytes, policy: tuple[Mode, int, tuple[str, ...]]) -> None:
    found = parse(text)
    assert (found.mode, found.max_age) == policy[:2]
    assert found.mx == (
        ("mail.example.com", "*.example.net", "backupmx.example.com") if policy[2] is None else policy[2]
    )


@pytest.mark.parametrize(("why", "text", "words"), BAD, ids=[row[0] for row in BAD])
def test_what_is_not_understood_is_no_policy(why: str, text: bytes, words: str) -> None:
    with pytest.raises(BadPolicy, match=words):
        parse(text)


@pytest.mark.parametrize(("host", "covered"), HOSTS)
def test_a_star_stands_for_one_label(host: str, covered: bool) -> None:
    assert parse(RFC_POLICY).names(host) is covered


_LABEL = st.from_regex(r"[a-z0-9]{1,8}", fullmatch=True)
_HOST = st.lists(_LABEL, min_size=2, max_size=4).map(".".join)


@given(
    st.sampled_from(Mode),
    st.integers(MIN_AGE_SECONDS, MAX_AGE_SECONDS),
    st.lists(st.one_of(_HOST, _HOST.map(lambda host: f"*.{host}")), min_size=1, unique=True),
)
def test_a_policy_written_out_is_read_back(mode: Mode, max_age: int, mx: list[str]) -> None:
    policy = StsPolicy(mode, max_age, tuple(mx))
    assert parse("\r\n".join(policy.lines()).encode()) == policy


@given(st.binary(max_size=2000))
def test_any_octets_are_a_policy_or_refused(text: bytes) -> None:
    for octets in (text, RFC_POLICY + text):
        with contextlib.suppress(BadPolicy):
            assert parse(octets).max_age >= MIN_AGE_SECONDS


@given(st.lists(st.binary(max_size=200)))
def test_any_records_have_an_id_or_none(records: list[bytes]) -> None:
    found = record_id(tuple(b"v=STSv1;" + record for record in records))
    assert found is None or found.isalnum()


def test_a_policy_of_white_space_takes_no_longer_than_its_length() -> None:
    with pytest.raises(BadPolicy):
        parse(b"mx: " + b" " * (MAX_POLICY_OCTETS - 10) + b"x y")
