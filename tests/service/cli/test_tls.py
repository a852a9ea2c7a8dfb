"""tls: what the commands say about other servers, asked over real DNS."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from mailserver.clock import SystemClock
from mailserver.config.tree import StoreConfig
from mailserver.outbound_tls.report_intake import ReportIntake
from mailserver.store import sts_policies, tls_memory, tls_results
from mailserver.store.database import Tx
from mailserver.store.store import Store
from mailserver.store.tls_results import SentReport
from tests.service.cli.conftest import Run
from tests.service.outbound_tls.test_report_intake import mail
from tests.zone import Zone

RECORDS = {
    "example.net": {"MX": ["10 mx1.example.net.", "20 mx2.example.net."]},
    "mx1.example.net": {"A": "127.0.0.2"},
    "mx2.example.net": {"A": "127.0.0.3"},
    "null.example.net": {"MX": "0 ."},
    "broken.example.net": {"MX": "10 mx1.example.net."},
}


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Zone]:
    """On a loop of its own: the command has one too."""
    zone = Zone(RECORDS)
    zone.fail("broken.example.net", "SERVFAIL")
    started, stop = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def serve() -> None:
        async with zone:
            started.set()
            await stop.wait()

    thread = threading.Thread(target=lambda: loop.run_until_complete(serve()))
    thread.start()
    assert started.wait(10)
    monkeypatch.setenv("MAILSERVER__DNS__SERVERS", f'["{zone.server}"]')
    yield zone
    loop.call_soon_threadsafe(stop.set)
    thread.join(10)
    loop.close()


@pytest.fixture
def written(cli: Run, data: Path) -> Callable[..., None]:
    """Do this in the store that the commands use."""
    assert cli("migrate", "up").code == 0

    def write(*fns: Callable[[Tx], object]) -> None:
        async def whole() -> None:
            async with await Store.open(data, SystemClock(), config=StoreConfig(min_free_bytes=0)) as store:
                for fn in fns:
                    await store.write(fn)

        asyncio.run(whole())

    return write


def remember(tx: Tx) -> None:
    tls_memory.saw(tx, "mx1.example.net")
    sts_policies.put(tx, "example.net", "1", "enforce", 86_400, "mx1.example.net")


def test_a_domain_without_policies_is_opportunistic(cli: Run, zone: Zone) -> None:
    told = cli("tls", "policy", "example.net", "--json")
    assert told.code == 0
    found = json.loads(told.out)
    assert (found["domain"], found["sts"]) == ("example.net", "none")
    assert "does not validate" in found["dnssec"]
    assert [(host["host"], host["required"], host["reason"]) for host in found["hosts"]] == [
        ("mx1.example.net", "opportunistic", "opportunistic"),
        ("mx2.example.net", "opportunistic", "opportunistic"),
    ]


def test_policies_and_memory_are_told_with_their_reasons(cli: Run, zone: Zone, written: Callable[..., None]) -> None:
    written(remember)
    told = cli("tls", "policy", "example.net")
    assert told.code == 0
    assert "enforce: mx1.example.net, known until" in told.out
    rows = [line.split("\t") for line in told.out.splitlines() if "\t" in line]
    assert rows == [
        ["mx1.example.net", "10", "authenticated", "MTA-STS enforce of example.net"],
        [
            "mx2.example.net",
            "20",
            "refused",
            "MTA-STS policy of example.net (enforce) does not name the host mx2.example.net",
        ],
    ]


def test_a_message_that_requires_tls_can_go_nowhere(cli: Run, zone: Zone) -> None:
    told = cli("tls", "policy", "example.net", "--require-tls", "--json")
    assert told.code == 1
    assert {host["required"] for host in json.loads(told.out)["hosts"]} == {"refused"}


def test_a_domain_that_takes_no_mail_has_no_hosts(cli: Run, zone: Zone) -> None:
    told = cli("tls", "policy", "null.example.net", "--json")
    assert (told.code, json.loads(told.out)["hosts"]) == (1, [])


@pytest.mark.parametrize(
    ("domain", "why"),
    [
        ("null.example.net", "The domain takes no mail (null MX)"),
        ("nowhere.example.net", "No such domain"),
        ("bare.example.net", "The domain has no MX and no address"),
    ],
)
def test_where_no_host_is_to_be_asked_the_reason_is_said(cli: Run, zone: Zone, domain: str, why: str) -> None:
    zone.set("bare.example.net", "TXT", '"nothing but words"')
    told = cli("tls", "policy", domain)
    assert (told.code, told.out.splitlines()[-1]) == (1, f"{why}: mail to it fails at once")


def test_dns_that_fails_is_said(cli: Run, zone: Zone) -> None:
    told = cli("tls", "policy", "broken.example.net")
    assert told.code == 75
    assert "could not be looked up" in told.err and "SERVFAIL" in told.err


def test_what_is_no_domain_is_refused(cli: Run, zone: Zone) -> None:
    assert cli("tls", "policy", "no domain").code == 65


def test_what_is_remembered_can_be_seen_and_forgotten(cli: Run, written: Callable[..., None]) -> None:
    written(remember)
    [row] = json.loads(cli("tls", "remembered", "--json").out)
    assert (row["host"], row["missing_since"]) == ("mx1.example.net", None)
    assert cli("tls", "forget", "Example.NET").out == "Forgot of Example.NET: its MTA-STS policy\n"
    assert cli("tls", "forget", "mx1.example.net").out == "Forgot of mx1.example.net: that it had TLS\n"
    assert cli("tls", "forget", "mx1.example.net").out == "Nothing is remembered of mx1.example.net\n"
    assert json.loads(cli("tls", "remembered", "--json").out) == []


def test_reports_of_others_are_listed_and_shown_whole(cli: Run, data: Path) -> None:
    assert cli("domain", "add", "company-y.example").code == 0

    async def take() -> None:
        async with await Store.open(data, SystemClock(), config=StoreConfig(min_free_bytes=0)) as store:
            assert await ReportIntake(store).take(mail(), "reports@company-x.example")

    asyncio.run(take())
    [row] = json.loads(cli("tls", "reports", "--json").out)
    assert (row["organization"], row["domains"]) == ("Company-X", ["company-y.example"])
    assert (row["successes"], row["failures"], row["begins"]) == (5326, 303, "2016-04-01 00:00:00")
    shown = json.loads(cli("tls", "show", str(row["id"]), "--json").out)
    assert shown["policies"][0]["failure-details"][0]["result-type"] == "certificate-expired"
    missing = cli("tls", "show", "77")
    assert (missing.code, missing.err) == (65, "mailserver: No such report: 77\n")


def test_reports_of_ours_say_what_became_of_them(cli: Run, written: Callable[..., None]) -> None:
    targets = {"mailto:a@b.example": "", "https://b.example/": "HTTP status 503"}
    sent = SentReport("2026-03-01", "b.example", "id", 5, 1, targets, False, 0)
    written(lambda tx: tls_results.put_sent(tx, sent))
    [row] = json.loads(cli("tls", "reports", "--sent", "--json").out)
    assert (row["day"], row["domain"], row["done"]) == ("2026-03-01", "b.example", False)
    assert row["targets"] == ["mailto:a@b.example: delivered", "https://b.example/: HTTP status 503"]
