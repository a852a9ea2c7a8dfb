"""TLS reports as values and as JSON, ours and those of others. RFC 8460 §4.4

What others send is read with patience (lists that are single strings, numbers in quotes, missing parts, fields nobody
has heard of) and within bounds; it is written exactly as the RFC has it.
"""

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta

import msgspec

from mailserver.store.tls_results import Counted

MAX_JSON_OCTETS = 262_144  # of a report of others
MAX_POLICIES = 200
MAX_COUNT = 2**53  # of sessions: what every JSON reader still holds exactly
YEARS = range(2000, 2100)  # of dates in a report
MAX_TEXT = 300  # characters of a name in a report of others


class BadReport(ValueError):  # noqa: N818 - a finding
    """Not a TLS report; the text says why."""


class _Kebab(msgspec.Struct, frozen=True, rename="kebab", omit_defaults=True):
    """Field names as in the JSON."""


class DateRange(_Kebab, frozen=True):
    start_datetime: datetime
    end_datetime: datetime


class Policy(_Kebab, frozen=True):
    policy_type: str
    policy_domain: str = ""
    policy_string: list[str] | str | None = None
    mx_host: list[str] | str | None = None


class Summary(msgspec.Struct, frozen=True, rename="kebab"):
    total_successful_session_count: int = 0
    total_failure_session_count: int = 0


class FailureDetail(_Kebab, frozen=True):
    result_type: str
    failed_session_count: int
    sending_mta_ip: str | None = None
    receiving_mx_hostname: str | None = None
    receiving_mx_helo: str | None = None
    receiving_ip: str | None = None
    additional_information: str | None = None
    failure_reason_code: str | None = None


class PolicyResult(_Kebab, frozen=True):
    policy: Policy
    summary: Summary = Summary()
    failure_details: list[FailureDetail] | None = None


class TlsReport(_Kebab, frozen=True):
    organization_name: str
    date_range: DateRange
    report_id: str
    policies: list[PolicyResult]
    contact_info: str | None = None

    @property
    def successes(self) -> int:
        return sum(each.summary.total_successful_session_count for each in self.policies)

    @property
    def failures(self) -> int:
        return sum(each.summary.total_failure_session_count for each in self.policies)

    @property
    def domains(self) -> tuple[str, ...]:
        """Lower case, each once."""
        return tuple(dict.fromkeys(each.policy.policy_domain.lower().rstrip(".") for each in self.policies))


_DECODER = msgspec.json.Decoder(TlsReport, strict=False)


def parse(text: bytes) -> TlsReport:
    """Raises BadReport."""
    if len(text) > MAX_JSON_OCTETS:
        raise BadReport(f"the report has more than {MAX_JSON_OCTETS} octets")
    try:
        report = _DECODER.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, OverflowError) as fault:
        raise BadReport(f"not a TLS report: {fault}") from fault
    if not report.policies or len(report.policies) > MAX_POLICIES:
        raise BadReport(f"a report has 1 to {MAX_POLICIES} policies, not {len(report.policies)}")
    if any(date.year not in YEARS for date in (report.date_range.start_datetime, report.date_range.end_datetime)):
        raise BadReport(f"the report's dates are not between {YEARS.start} and {YEARS.stop}")
    numbers = [*_numbers(report)]
    if any(not 0 <= number <= MAX_COUNT for number in numbers) or sum(numbers) > MAX_COUNT:
        raise BadReport("the report counts sessions that nobody can count")
    texts = (report.organization_name, report.report_id, report.contact_info or "", *report.domains)
    if any(len(text) > MAX_TEXT for text in texts) or not report.report_id:
        raise BadReport(f"the report's names must have 1 to {MAX_TEXT} characters")
    return report


def epoch_ms(moment: datetime) -> int:
    """Without a zone it is UTC."""
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp() * 1000)


def serialise(report: TlsReport) -> bytes:
    return msgspec.json.encode(report)


def of_counts(
    day: str,
    domain: str,
    counts: Iterable[tuple[Counted, int]],
    organization: str,
    contact: str,
    report_id: str,
) -> TlsReport:
    """What was counted on one day about one domain; `day`: UTC, YYYY-MM-DD."""
    begin = datetime.fromisoformat(day).replace(tzinfo=UTC)
    by_policy: dict[str, list[tuple[Counted, int]]] = {}
    for counted, sessions in counts:
        by_policy.setdefault(counted.policy, []).append((counted, sessions))
    return TlsReport(
        organization,
        DateRange(begin, begin + timedelta(days=1, seconds=-1)),
        report_id,
        [_result(domain, policy, those) for policy, those in sorted(by_policy.items())],
        contact or None,
    )


def _result(domain: str, policy: str, counts: Sequence[tuple[Counted, int]]) -> PolicyResult:
    known = json.loads(policy)
    failures = [(counted, sessions) for counted, sessions in counts if counted.result]
    failed = sum(sessions for _, sessions in failures)
    return PolicyResult(
        Policy(known["policy-type"], domain, known.get("policy-string"), known.get("mx-host")),
        Summary(sum(sessions for _, sessions in counts) - failed, failed),
        [_detail(counted, sessions) for counted, sessions in failures] or None,
    )


def _detail(counted: Counted, sessions: int) -> FailureDetail:
    return FailureDetail(
        counted.result,
        sessions,
        counted.sending_address or None,
        counted.host or None,
        None,
        counted.address or None,
        None,
        counted.reason or None,
    )


def _numbers(report: TlsReport) -> Iterable[int]:
    for each in report.policies:
        yield each.summary.total_successful_session_count
        yield each.summary.total_failure_session_count
        for detail in each.failure_details or ():
            yield detail.failed_session_count
