"""dkim: keys made, published, activated, replaced on the command line, against a zone on loopback."""

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from mailserver.clock import SystemClock
from mailserver.config.tree import StoreConfig
from mailserver.store import domains
from mailserver.store.store import Store
from tests.service.cli.conftest import Run
from tests.zone import Zone


@contextmanager
def served(zone: Zone) -> Iterator[None]:
    """A zone on a loop of its own: the command has one too."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    asyncio.run_coroutine_threadsafe(zone.__aenter__(), loop).result()
    try:
        yield
    finally:
        asyncio.run_coroutine_threadsafe(zone.__aexit__(None, None, None), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[Zone]:
    zone = Zone()
    with served(zone):
        monkeypatch.setenv("MAILSERVER__DNS__SERVERS", zone.server)
        monkeypatch.setenv("MAILSERVER__DKIM__ALGORITHMS", "Ed25519")
        yield zone


@pytest.fixture
def domain(cli: Run, zone: Zone) -> str:
    added = cli("domain", "add", "example.test")
    assert added.code == 0
    return "example.test"


def records(cli: Run, domain: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(cli("dkim", "dns", domain, "--json").out)
    return found


def states(cli: Run) -> list[tuple[str, str]]:
    return [(row["selector"], row["state"]) for row in json.loads(cli("dkim", "list", "--json").out)]


def publish(cli: Run, zone: Zone, domain: str) -> None:
    for record in records(cli, domain):
        zone.set(record["name"], "TXT", record["zone"].partition(" IN TXT ")[2])


def test_a_new_domain_says_what_to_publish(cli: Run, zone: Zone) -> None:
    out = cli("domain", "add", "example.test").out.splitlines()
    assert out[0] == "Added example.test"
    [record] = records(cli, "example.test")
    assert out[1] == f"; Ed25519, pending. In one line: {record['name']} TXT {record['value']}"
    assert out[2] == record["zone"] == f'{record["name"]}. 3600 IN TXT "{record["value"]}"'
    assert record["value"].startswith("v=DKIM1; k=ed25519; p=")


def test_from_a_new_key_to_the_next_one(cli: Run, zone: Zone, domain: str) -> None:
    [(first, state)] = states(cli)
    assert state == "pending"
    refused = cli("dkim", "activate", domain)
    assert refused.code == 65
    assert "there is no key record. Receivers would fail what it signs" in refused.err
    publish(cli, zone, domain)
    assert cli("dkim", "activate", domain).out == f"{first} of {domain} signs from now on\n"
    assert cli("dkim", "activate", domain).out == f"{domain} has no pending key\n"
    [shown] = json.loads(cli("dkim", "show", domain, "--json").out)
    assert (shown["state"], shown["dns"], shown["private_key"]) == ("active", "the record is there", "usable")
    assert shown["due"] > shown["created"]

    begun = cli("dkim", "rotate", domain)
    second = f"{first}b"
    assert f"{second}._domainkey.{domain}. 3600 IN TXT" in begun.out
    assert cli("dkim", "rotate", domain).code == 65  # not published yet
    assert states(cli) == [(first, "active"), (second, "pending")]
    publish(cli, zone, domain)
    assert cli("dkim", "rotate", domain).out == f"{second} of {domain} signs from now on\n"
    assert states(cli) == [(first, "retiring"), (second, "active")]
    gone = cli("dkim", "revoke", domain, first)
    assert f'{first}._domainkey.{domain}. 3600 IN TXT "v=DKIM1; k=ed25519; p="' in gone.out
    assert "unsigned" not in gone.out
    assert {(each["selector"], each["value"].endswith("p=")) for each in records(cli, domain)} == {
        (first, True),
        (second, False),
    }
    [shown, _] = json.loads(cli("dkim", "show", domain, "--json").out)
    assert (shown["state"], shown["private_key"]) == ("revoked", "destroyed")


def test_who_revokes_the_last_key_is_told_that_mail_goes_unsigned(cli: Run, zone: Zone, domain: str) -> None:
    [(selector, _)] = states(cli)
    cli("dkim", "activate", domain, selector, "--force")
    gone = cli("dkim", "revoke", domain, selector)
    assert f"No key of {domain} signs now: its mail goes unsigned until a new one's record is published" in gone.out


def test_a_key_can_be_used_unseen(cli: Run, zone: Zone, domain: str) -> None:
    [(selector, _)] = states(cli)
    assert cli("dkim", "activate", domain, selector, "--force").out == f"{selector} of {domain} signs from now on\n"
    shown = cli("dkim", "show", domain, selector)
    assert "there is no key record" in shown.out
    assert "state         active" in shown.out


@pytest.mark.parametrize("storage", ["file", "database", "hybrid"])
def test_keys_lie_where_they_should_and_open_to_nobody_else(
    cli: Run, zone: Zone, domain: str, data: Path, storage: str
) -> None:
    made = cli(
        "dkim", "generate", domain, "--algorithm", "rsa-2048", "--selector", "own", "--storage", storage, "--json"
    )
    [record] = json.loads(made.out)
    assert (record["selector"], record["algorithm"], record["state"]) == ("own", "RSA-2048", "pending")
    assert record["zone"].count('"') == 4  # two strings
    assert all(len(part) <= 255 for part in record["zone"].split('"'))
    files = [path for path in (data / "dkim").rglob("*") if path.is_file()] if (data / "dkim").exists() else []
    assert len(files) == (0 if storage == "database" else 1)
    assert all(path.stat().st_mode & 0o777 == 0o600 for path in files)
    [shown] = json.loads(cli("dkim", "show", domain, "own", "--json").out)
    assert (shown["storage"], shown["private_key"]) == (storage, "usable")
    for path in files:
        path.chmod(0o644)
        assert "run chmod 600 on it" in cli("dkim", "show", domain, "own").out


def test_the_record_is_shown_without_opening_the_key(cli: Run, zone: Zone, domain: str, data: Path) -> None:
    """Neither the file nor the sealing key can be read."""
    cli("dkim", "generate", domain, "--algorithm", "RSA-2048", "--selector", "own", "--storage", "hybrid")
    before = records(cli, domain)
    (data / "dkim/example.test/own.pem").write_bytes(b"")
    (data / "sealing.key").write_bytes(b"")
    assert records(cli, domain) == before
    assert cli("dkim", "dns", domain).code == 0
    [shown] = json.loads(cli("dkim", "show", domain, "own", "--json").out)
    assert "restore it from a backup" in shown["private_key"]
    zone_text = cli("dkim", "dns", domain).out
    import dns.zone

    dns.zone.from_text("$ORIGIN example.test.\n@ 1 IN SOA a. b. 1 2 3 4 5\n@ 1 IN NS a.\n" + zone_text)


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["generate", "far.example"], 67, "No such domain: far.example"),
        (["generate", "example.test"], 73, "has a pending key already: publish"),
        (["generate", "example.test", "--selector", "x"], 64, "--selector goes with --algorithm"),
        (["generate", "example.test", "--algorithm", "rsa-512"], 64, "is not one of"),
        (["generate", "example.test", "--algorithm", "RSA-2048", "--selector", "../x"], 65, "A selector is lower case"),
        (["show", "example.test", "nope"], 65, "no key with the selector 'nope'"),
        (["revoke", "example.test", "nope"], 65, "no key with the selector 'nope'"),
        (["dns", "far.example"], 67, "No such domain"),
        (["list", "far.example"], 67, "No such domain"),
        (["rotate", "example.test"], 65, "there is no key record"),
    ],
)
def test_a_refusal_is_one_line_and_an_exit_code(
    cli: Run, zone: Zone, domain: str, arguments: list[str], code: int, text: str
) -> None:
    outcome = cli("dkim", *arguments)
    assert (outcome.code, outcome.out) == (code, "")
    assert text in outcome.err
    assert outcome.err.count("\n") == 1


def test_a_dns_that_fails_is_no_verdict(cli: Run, zone: Zone, domain: str) -> None:
    [record] = records(cli, domain)
    zone.fail(record["name"], "SERVFAIL")
    refused = cli("dkim", "activate", domain)
    assert refused.code == 65
    assert f"the DNS could not be asked for {record['name']}" in refused.err
    assert [state for _, state in states(cli)] == ["pending"]


def test_a_domain_without_keys_is_told_how_to_get_some(cli: Run, zone: Zone, data: Path) -> None:
    assert cli("migrate", "up").code == 0

    async def add() -> None:
        async with await Store.open(data, SystemClock(), config=StoreConfig(min_free_bytes=0)) as store:
            await store.write(domains.add, "plain.example")

    asyncio.run(add())
    cure = "No keys: mail goes unsigned. Make them: mailserver dkim generate DOMAIN\n"
    assert cli("dkim", "dns", "plain.example").out == f"; {cure}", "a comment in a zone file"
    assert cli("dkim", "show", "plain.example").out == cure
