"""TLS reports of others: kept when they are about us, and never a reason to refuse the mail."""

import gzip
import json

import pytest

from mailserver.errors import NoSuchReport
from mailserver.outbound_tls.report_intake import ReportIntake
from mailserver.outbound_tls.report_mail import Letterhead, compose
from mailserver.store import domains, tls_reports
from mailserver.store.store import Store
from tests.unit.outbound_tls.test_tls_report import RFC_REPORT

HEAD = Letterhead("sts-reporting@company-x.example", "mail.company-x.example", "company-y.example", 0, 86399, "id")
SENDER = "sts-reporting@company-x.example"


@pytest.fixture
async def intake(store: Store) -> ReportIntake:
    await store.write(domains.add, "company-y.example")
    return ReportIntake(store)


def mail(report: str = RFC_REPORT) -> bytes:
    return compose(HEAD, "tls@company-y.example", gzip.compress(report.encode()), 0, bytes)


async def test_a_report_about_us_is_kept_as_it_came(intake: ReportIntake, store: Store) -> None:
    assert await intake.take(mail(), SENDER)
    [found] = await store.read(tls_reports.list, 10)
    assert (found.organization, found.report_id) == ("Company-X", "5065427c-23d3-47ca-b6e0-946ea0e8c4be")
    assert (found.domains, found.successes, found.failures) == ("company-y.example", 5326, 303)
    assert (found.sender, found.contact) == (SENDER, "sts-reporting@company-x.example")
    assert found.ends_at - found.begins_at == 86_399_000
    _, text = await store.read(tls_reports.get, found.id)
    assert json.loads(text) == json.loads(RFC_REPORT)


async def test_a_report_that_comes_twice_is_kept_once(intake: ReportIntake, store: Store) -> None:
    assert await intake.take(mail(), SENDER)
    assert not await intake.take(mail(), SENDER)
    assert len(await store.read(tls_reports.list, 10)) == 1


@pytest.mark.parametrize(
    "message",
    [
        None,
        b"",
        b"Subject: hello\r\n\r\nhello",
        mail("{}"),
        mail(RFC_REPORT.replace("company-y.example", "other.example")),
        mail(RFC_REPORT)[:-500],
    ],
)
async def test_what_is_no_report_about_us_is_not_kept(
    message: bytes | None, intake: ReportIntake, store: Store
) -> None:
    assert not await intake.take(message, SENDER)
    assert await store.read(tls_reports.list, 10) == []


async def test_a_report_nobody_has(store: Store) -> None:
    with pytest.raises(NoSuchReport, match="No such report: 7"):
        await store.read(tls_reports.get, 7)
