"""TLS reports: written as RFC 8460 has them, read as the world writes them."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.outbound_tls.applied import Applied, PolicyType
from mailserver.outbound_tls.report_targets import MAX_TARGETS, targets
from mailserver.outbound_tls.tally import policy_text
from mailserver.outbound_tls.tls_report import MAX_JSON_OCTETS, BadReport, of_counts, parse, serialise
from mailserver.store.tls_results import Counted

RFC_REPORT = """{
  "organization-name": "Company-X",
  "date-range": {"start-datetime": "2016-04-01T00:00:00Z", "end-datetime": "2016-04-01T23:59:59Z"},
  "contact-info": "sts-reporting@company-x.example",
  "report-id": "5065427c-23d3-47ca-b6e0-946ea0e8c4be",
  "policies": [{
    "policy": {
      "policy-type": "sts",
      "policy-string": ["version: STSv1", "mode: testing", "mx: *.mail.company-y.example", "max_age: 86400"],
      "policy-domain": "company-y.example",
      "mx-host": ["*.mail.company-y.example"]
    },
    "summary": {"total-successful-session-count": 5326, "total-failure-session-count": 303},
    "failure-details": [
      {"result-type": "certificate-expired", "sending-mta-ip": "2001:db8:abcd:0012::1",
       "receiving-mx-hostname": "mx1.mail.company-y.example", "failed-session-count": 100},
      {"result-type": "starttls-not-supported", "sending-mta-ip": "2001:db8:abcd:0013::1",
       "receiving-mx-hostname": "mx2.mail.company-y.example", "receiving-ip": "203.0.113.56",
       "failed-session-count": 200, "additional-information": "https://reports.company-x.example/report_info"},
      {"result-type": "validation-failure", "sending-mta-ip": "198.51.100.62", "receiving-ip": "203.0.113.58",
       "receiving-mx-hostname": "mx-backup.mail.company-y.example", "failed-session-count": 3,
       "failure-reason-code": "X509_V_ERR_PROXY_PATH_LENGTH_EXCEEDED"}
    ]
  }]
}"""

SMALL = {
    "organization-name": "x",
    "date-range": {"start-datetime": "2026-03-01T00:00:00Z", "end-datetime": "2026-03-01T23:59:59Z"},
    "report-id": "1",
    "policies": [{"policy": {"policy-type": "sts", "policy-domain": "y.example"}}],
}

PATIENCE = [
    ("no details, no summary", {}),
    ("contact is null", {"contact-info": None}),
    ("fields of a later version", {"version": 2, "more": {"a": [1]}}),
    (
        "no zone in the dates",
        {"date-range": {"start-datetime": "2026-03-01T00:00:00", "end-datetime": "2026-03-02T00:00:00"}},
    ),
    (
        "a single string for a list, numbers in quotes",
        {
            "policies": [
                {
                    "policy": {
                        "policy-type": "sts",
                        "policy-domain": "y.example",
                        "mx-host": "a.b",
                        "policy-string": "v",
                    },
                    "summary": {"total-successful-session-count": "0", "total-failure-session-count": "0"},
                    "failure-details": [],
                }
            ]
        },
    ),
]

BAD = [
    ("nothing", b""),
    ("not JSON", b"{"),
    ("not an object", b"[]"),
    ("an empty object", b"{}"),
    ("no policies", json.dumps({**SMALL, "policies": []}).encode()),
    ("no report-id", json.dumps({**SMALL, "report-id": ""}).encode()),
    ("endless names", json.dumps({**SMALL, "organization-name": "x" * 301}).encode()),
    ("too many policies", json.dumps({**SMALL, "policies": SMALL["policies"] * 201}).encode()),
    ("counts below zero", RFC_REPORT.replace("5326", "-1").encode()),
    ("counts nobody can count", RFC_REPORT.replace("5326", "9" * 18).encode()),
    ("counts beyond any number", RFC_REPORT.replace("5326", "9" * 400).encode()),
    ("a date that is none", RFC_REPORT.replace("2016-04-01T00:00:00Z", "yesterday").encode()),
    ("a date of another age", RFC_REPORT.replace("2016-04-01T00", "0001-01-01T00").encode()),
    ("deep nesting", b'{"more":' + b"[" * 100_000 + b"]" * 100_000 + b"}"),
    ("too large", b" " * MAX_JSON_OCTETS + RFC_REPORT.encode()),
    ("half a character", RFC_REPORT.encode().replace(b"Company-X", b"\xff")),
]

RECORDS = [
    ("mail", (b"v=TLSRPTv1; rua=mailto:reports@example.com",), ["reports@example.com"]),
    ("https", (b"v=TLSRPTv1; rua=https://reporting.example.com/v1/tlsrpt",), [None]),
    ("both", (b"v=TLSRPTv1;rua=mailto:a@example.com,https://example.com/x;",), ["a@example.com", None]),
    (
        "spaces",
        (b"v=TLSRPTv1 ; rua = mailto:a@example.com , mailto:b@example.com ;",),
        ["a@example.com", "b@example.com"],
    ),
    ("fields nobody knows", (b"v=TLSRPTv1; later=x; rua=mailto:a@example.com",), ["a@example.com"]),
    (
        "percent-encoded",
        (b"v=TLSRPTv1; rua=mailto:a%2Cb%40@example.com, mailto:a%2Bb@example.com",),
        ["a+b@example.com"],
    ),
    ("a subject is left out", (b"v=TLSRPTv1; rua=mailto:a@example.com?subject=x",), ["a@example.com"]),
    ("others beside it", (b"v=spf1 -all", b"v=TLSRPTv1; rua=mailto:a@example.com"), ["a@example.com"]),
    ("twice the same", (b"v=TLSRPTv1; rua=mailto:a@example.com,mailto:a@example.com",), ["a@example.com"]),
    (
        "too many",
        (b"v=TLSRPTv1; rua=" + b",".join(b"mailto:a%d@b.example" % n for n in range(9)),),
        ["x"] * MAX_TARGETS,
    ),
    ("none", (), []),
    ("two records", (b"v=TLSRPTv1; rua=mailto:a@b.example",) * 2, []),
    ("another version", (b"v=TLSRPTv2; rua=mailto:a@b.example",), []),
    ("no rua", (b"v=TLSRPTv1;",), []),
    ("http without TLS", (b"v=TLSRPTv1; rua=http://example.com/",), []),
    ("no address", (b"v=TLSRPTv1; rua=mailto:",), []),
    ("several addresses in one", (b"v=TLSRPTv1; rua=mailto:a@b.example%2Cc@d.example",), []),
    ("line ends", (b"v=TLSRPTv1; rua=mailto:a@b.example%0D%0ARCPT",), []),
    ("angle brackets", (b"v=TLSRPTv1; rua=mailto:<a@b.example>",), []),
    ("not ASCII", ("v=TLSRPTv1; rua=mailto:ä@b.example".encode(),), []),
    ("endless", (b"v=TLSRPTv1; rua=mailto:a@b.example;" + b"x=y;" * 2000,), []),
]


def test_the_example_of_the_rfc_is_read() -> None:
    report = parse(RFC_REPORT.encode())
    assert (report.organization_name, report.successes, report.failures) == ("Company-X", 5326, 303)
    assert report.domains == ("company-y.example",)
    assert [detail.result_type for detail in report.policies[0].failure_details or ()] == [
        "certificate-expired",
        "starttls-not-supported",
        "validation-failure",
    ]


def test_the_example_of_the_rfc_is_written_as_it_was_read() -> None:
    assert json.loads(serialise(parse(RFC_REPORT.encode()))) == json.loads(RFC_REPORT)


@pytest.mark.parametrize(("why", "change"), PATIENCE, ids=[row[0] for row in PATIENCE])
def test_reports_of_the_world_are_read(why: str, change: dict[str, object]) -> None:
    assert parse(json.dumps({**SMALL, **change}).encode()).domains == ("y.example",)


@pytest.mark.parametrize(("why", "text"), BAD, ids=[row[0] for row in BAD])
def test_what_is_no_report_is_refused_in_words(why: str, text: bytes) -> None:
    with pytest.raises(BadReport) as refused:
        parse(text)
    assert str(refused.value)


def test_counts_become_a_report_by_policy() -> None:
    sts = policy_text(Applied(PolicyType.STS, ("version: STSv1", "mode: enforce"), ("*.y.example",)))
    none = policy_text(Applied(PolicyType.NONE))
    failure = Counted(
        "2026-03-01", "y.example", sts, "certificate-expired", "192.0.2.1", "mx.y.example", "192.0.2.9", "expired"
    )
    counts = [
        (Counted("2026-03-01", "y.example", sts), 10),
        (failure, 3),
        (Counted("2026-03-01", "y.example", none), 2),
    ]
    report = of_counts("2026-03-01", "y.example", counts, "mail.x.example", "tls@x.example", "id1")
    assert json.loads(serialise(report)) == {
        "organization-name": "mail.x.example",
        "date-range": {"start-datetime": "2026-03-01T00:00:00Z", "end-datetime": "2026-03-01T23:59:59Z"},
        "contact-info": "tls@x.example",
        "report-id": "id1",
        "policies": [
            {
                "policy": {"policy-type": "no-policy-found", "policy-domain": "y.example"},
                "summary": {"total-successful-session-count": 2, "total-failure-session-count": 0},
            },
            {
                "policy": {
                    "policy-type": "sts",
                    "policy-string": ["version: STSv1", "mode: enforce"],
                    "policy-domain": "y.example",
                    "mx-host": ["*.y.example"],
                },
                "summary": {"total-successful-session-count": 10, "total-failure-session-count": 3},
                "failure-details": [
                    {
                        "result-type": "certificate-expired",
                        "sending-mta-ip": "192.0.2.1",
                        "receiving-mx-hostname": "mx.y.example",
                        "receiving-ip": "192.0.2.9",
                        "failed-session-count": 3,
                        "failure-reason-code": "expired",
                    }
                ],
            },
        ],
    }


_WORDS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=30)
_COUNTED = st.builds(
    Counted,
    st.just("2026-03-01"),
    st.just("y.example"),
    st.sampled_from([policy_text(Applied(kind)) for kind in PolicyType]),
    st.sampled_from(["", "certificate-expired", "validation-failure"]),
    _WORDS,
    _WORDS,
    _WORDS,
    _WORDS,
)


@given(st.lists(st.tuples(_COUNTED, st.integers(1, 1000)), min_size=1, max_size=20))
def test_a_report_written_is_read_back_and_counts_everything(counts: list[tuple[Counted, int]]) -> None:
    report = of_counts("2026-03-01", "y.example", counts, "x", "", "id")
    assert parse(serialise(report)) == report
    assert report.successes + report.failures == sum(sessions for _, sessions in counts)


@given(st.binary(max_size=500))
def test_any_octets_are_a_report_or_refused(text: bytes) -> None:
    for octets in (text, RFC_REPORT.encode().replace(b"5326", text)):
        with contextlib.suppress(BadReport):
            assert parse(octets).policies


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists))
def test_any_json_in_any_place_is_a_report_or_refused(value: object) -> None:
    for key in SMALL:
        with contextlib.suppress(BadReport):
            assert parse(json.dumps({**SMALL, key: value}).encode()).policies


@pytest.mark.parametrize(("why", "records", "mailboxes"), RECORDS, ids=[row[0] for row in RECORDS])
def test_the_record_says_where_reports_go(why: str, records: tuple[bytes, ...], mailboxes: list[str | None]) -> None:
    found = targets(records)
    if why == "too many":
        assert len(found) == MAX_TARGETS
    else:
        assert [target.mailbox for target in found] == mailboxes


@given(st.lists(st.binary(max_size=200)))
def test_any_record_gives_targets_that_can_stand_in_a_command(records: list[bytes]) -> None:
    for target in targets(tuple(b"v=TLSRPTv1; rua=mailto:" + record for record in records)):
        assert target.mailbox is None or (target.mailbox.isascii() and target.mailbox.isprintable())
        assert " " not in (target.mailbox or "") and "<" not in (target.mailbox or "")
