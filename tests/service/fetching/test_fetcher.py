"""Requests to hosts that strangers name: never to us, never for ever, never to another host than was checked."""

import asyncio
import gzip
import ipaddress
from collections.abc import AsyncIterator

import pytest

from mailserver.config.tree import DnsConfig
from mailserver.dns.resolver import DnsResolver
from mailserver.fetching.fetcher import Bounds, Fetcher, FetchFailed, Trouble
from tests.authority import EXPIRED, Authority, self_signed
from tests.fakes import FakeClock
from tests.sites import HANG, Drip, Site, answer
from tests.zone import Zone

LOOPBACK = (ipaddress.ip_network("127.0.0.2/32"),)
HOST = "site.example.net"
DEFAULT = Bounds()
QUICK = Bounds(seconds=0.5)


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority()


@pytest.fixture
async def zone() -> AsyncIterator[Zone]:
    async with Zone({HOST: {"A": "127.0.0.2"}}) as zone:
        yield zone


@pytest.fixture
async def site(authority: Authority) -> AsyncIterator[Site]:
    async with Site(authority.issue(HOST).server_context()) as site:
        site.at["/"] = answer(200, b"hello")
        yield site


@pytest.fixture
async def resolver(zone: Zone, clock: FakeClock) -> AsyncIterator[DnsResolver]:
    resolver = DnsResolver(DnsConfig(servers=(zone.server,), timeout_seconds=1.0), clock)
    yield resolver
    await resolver.close()


@pytest.fixture
def fetcher(resolver: DnsResolver, site: Site, authority: Authority) -> Fetcher:
    return Fetcher(resolver, context=authority.trusting(), allowed=LOOPBACK, ports=(site.port,))


def url(site: Site, path: str = "/", host: str = HOST) -> str:
    return f"https://{host}:{site.port}{path}"


async def refused(fetcher: Fetcher, url: str, bounds: Bounds = DEFAULT) -> FetchFailed:
    with pytest.raises(FetchFailed) as failed:
        await fetcher.get(url, bounds)
    assert failed.value.reason
    return failed.value


async def test_the_checked_address_is_dialled_and_the_host_is_named(fetcher: Fetcher, site: Site) -> None:
    fetched = await fetcher.get(url(site))
    assert (fetched.status, fetched.body, fetched.content_type) == (200, b"hello", "text/plain")
    assert fetched.address == "127.0.0.2"
    [request] = site.requests
    assert request.headers["host"] == f"{HOST}:{site.port}"
    assert request.server_name == HOST


async def test_a_post_brings_its_body(fetcher: Fetcher, site: Site) -> None:
    site.at["/reports"] = answer(201)
    fetched = await fetcher.post(url(site, "/reports"), b"octets", {"Content-Type": "application/tlsrpt+gzip"})
    [request] = site.requests
    assert fetched.status == 201
    assert (request.method, request.body) == ("POST", b"octets")
    assert request.headers["content-type"] == "application/tlsrpt+gzip"


async def test_other_statuses_are_answers_too(fetcher: Fetcher, site: Site) -> None:
    assert (await fetcher.get(url(site, "/missing"))).status == 404


async def test_redirects_are_not_followed(fetcher: Fetcher, site: Site) -> None:
    site.at["/"] = answer(302, Location="https://127.0.0.1/")
    fetched = await fetcher.get(url(site))
    assert fetched.status == 302 and len(site.requests) == 1


@pytest.mark.parametrize(
    ("address", "what"),
    [
        ("127.0.0.1", "loopback"),
        ("10.0.0.1", "private"),
        ("169.254.169.254", "link-local"),
        ("::1", "loopback"),
        ("fd00::1", "private"),
        ("::ffff:127.0.0.1", "loopback"),
        ("64:ff9b::7f00:1", "loopback"),
    ],
)
async def test_a_name_that_leads_to_our_networks_is_not_dialled(
    address: str, what: str, fetcher: Fetcher, site: Site, zone: Zone
) -> None:
    kind = "AAAA" if ":" in address else "A"
    zone.set("inside.example.net", kind, address)
    failed = await refused(fetcher, url(site, host="inside.example.net"))
    assert failed.trouble is Trouble.ADDRESS and what in failed.reason
    assert site.connections == 0


async def test_one_private_address_among_good_ones_spoils_them(fetcher: Fetcher, site: Site, zone: Zone) -> None:
    zone.set("mixed.example.net", "A", ["127.0.0.2", "127.0.0.1"])
    assert (await refused(fetcher, url(site, host="mixed.example.net"))).trouble is Trouble.ADDRESS
    assert site.connections == 0


async def test_an_alias_does_not_hide_where_it_leads(fetcher: Fetcher, site: Site, zone: Zone) -> None:
    zone.set("alias.example.net", "CNAME", "localhost.example.org.")
    zone.set("localhost.example.org", "A", "127.0.0.1")
    assert (await refused(fetcher, url(site, host="alias.example.net"))).trouble is Trouble.ADDRESS


async def test_addresses_of_this_machine_are_not_dialled(resolver: DnsResolver, zone: Zone) -> None:
    zone.set("own.example.net", "A", "1.1.1.1")
    fetcher = Fetcher(resolver, is_own=lambda address: address == "1.1.1.1")
    assert "this machine's own" in (await refused(fetcher, "https://own.example.net/")).reason


async def test_a_name_that_changes_after_the_check_is_not_looked_up_again(
    fetcher: Fetcher, site: Site, zone: Zone
) -> None:
    """DNS rebinding: the second answer would lead to 127.0.0.1."""
    zone.set(HOST, "A", "127.0.0.2", ttl=0)
    fetched = await fetcher.get(url(site))
    assert fetched.address == "127.0.0.2"
    assert zone.count(HOST, "A") == 1


async def test_the_next_address_is_tried_where_one_does_not_answer(
    resolver: DnsResolver, site: Site, zone: Zone, authority: Authority
) -> None:
    zone.set(HOST, "A", ["127.0.0.3", "127.0.0.2", "127.0.0.4"])
    allowed = (ipaddress.ip_network("127.0.0.0/29"),)
    fetcher = Fetcher(resolver, context=authority.trusting(), allowed=allowed, ports=(site.port,))
    assert (await fetcher.get(url(site))).address == "127.0.0.2"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("http://site.example.net/", "https"),
        ("ftp://site.example.net/", "https"),
        ("file:///etc/passwd", "https"),
        ("https://site.example.net:22/", "port 22"),
        ("https://ann:secret@site.example.net/", "user name"),
        ("https://127.0.0.1/", "address"),
        ("https://[::1]/", "address"),
        ("https://127.1/", "address"),
        ("https://2130706433/", "address"),
        ("https://0x7f.1/", "address"),
        ("https://localhost/", "no host"),
        ("https:///path", "host"),
        ("https://site.example.net/" + "a" * 3000, "characters"),
        ("https://exa mple.net/", ""),
        ("", "https"),
        ("https://site.example.net\r\nHost: x/", ""),
    ],
)
async def test_urls_that_may_not_be_fetched(text: str, words: str, resolver: DnsResolver, zone: Zone) -> None:
    failed = await refused(Fetcher(resolver, allowed=LOOPBACK), text)
    assert failed.trouble in {Trouble.URL, Trouble.DNS} and words in failed.reason
    assert zone.asked == [] or failed.trouble is Trouble.DNS


async def test_a_name_that_does_not_exist(fetcher: Fetcher, site: Site) -> None:
    assert (await refused(fetcher, url(site, host="nobody.example.net"))).trouble is Trouble.DNS


async def test_dns_that_fails_is_said(fetcher: Fetcher, site: Site, zone: Zone) -> None:
    zone.fail("broken.example.net", "SERVFAIL")
    failed = await refused(fetcher, url(site, host="broken.example.net"))
    assert failed.trouble is Trouble.DNS and "SERVFAIL" in failed.reason


@pytest.mark.parametrize("kind", ["expired", "another name", "self-signed", "unknown authority"])
async def test_a_certificate_that_does_not_hold_ends_it(kind: str, resolver: DnsResolver, authority: Authority) -> None:
    certified = {
        "expired": lambda: authority.issue(HOST, days=EXPIRED),
        "another name": lambda: authority.issue("other.example.net"),
        "self-signed": lambda: self_signed(HOST),
        "unknown authority": lambda: Authority("Unknown CA").issue(HOST),
    }[kind]()
    async with Site(certified.server_context()) as site:
        fetcher = Fetcher(resolver, context=authority.trusting(), allowed=LOOPBACK, ports=(site.port,))
        failed = await refused(fetcher, url(site))
        assert failed.trouble is Trouble.TLS and "certificate" in failed.reason
        assert site.requests == []


async def test_clear_text_where_tls_should_be(resolver: DnsResolver, authority: Authority) -> None:
    async with Site(None) as site:
        fetcher = Fetcher(resolver, context=authority.trusting(), allowed=LOOPBACK, ports=(site.port,))
        assert (await refused(fetcher, url(site))).trouble in {
            Trouble.TLS,
            Trouble.PROTOCOL,
            Trouble.CONNECT,
            Trouble.TIME,
        }


async def test_nobody_listens(resolver: DnsResolver, authority: Authority) -> None:
    async with Site(None) as gone:
        port = gone.port
    fetcher = Fetcher(resolver, context=authority.trusting(), allowed=LOOPBACK, ports=(port,))
    failed = await refused(fetcher, f"https://{HOST}:{port}/")
    assert failed.trouble is Trouble.CONNECT and "127.0.0.2" in failed.reason


async def test_an_answer_that_never_comes_has_an_end(fetcher: Fetcher, site: Site) -> None:
    site.at["/"] = HANG
    assert (await refused(fetcher, url(site), QUICK)).trouble is Trouble.TIME


async def test_an_answer_that_drips_for_ever_has_an_end(fetcher: Fetcher, site: Site) -> None:
    site.at["/"] = Drip(b"HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n", b"x", 0.05)
    assert (await refused(fetcher, url(site), QUICK)).trouble is Trouble.TIME


async def test_endless_headers_have_an_end(fetcher: Fetcher, site: Site) -> None:
    site.at["/"] = Drip(b"HTTP/1.1 200 OK\r\n", b"X-More: " + b"x" * 1000 + b"\r\n")
    assert (await refused(fetcher, url(site), Bounds(seconds=10))).trouble is Trouble.PROTOCOL


async def test_an_endless_body_has_an_end(fetcher: Fetcher, site: Site) -> None:
    site.at["/"] = Drip(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n", b"x" * 10_000)
    assert (await refused(fetcher, url(site), Bounds(seconds=10))).trouble is Trouble.SIZE


async def test_one_octet_too_many(fetcher: Fetcher, site: Site) -> None:
    site.at["/"] = answer(200, b"x" * 1001)
    assert (await refused(fetcher, url(site), Bounds(max_octets=1000))).trouble is Trouble.SIZE
    assert len((await fetcher.get(url(site), Bounds(max_octets=1001))).body) == 1001


async def test_a_small_answer_that_unpacks_to_a_large_one(fetcher: Fetcher, site: Site) -> None:
    site.at["/"] = answer(200, gzip.compress(bytes(10_000_000)), Content_Encoding="gzip")
    assert (await refused(fetcher, url(site))).trouble is Trouble.SIZE


async def test_a_packed_answer_is_unpacked(fetcher: Fetcher, site: Site) -> None:
    site.at["/"] = answer(200, gzip.compress(b"hello"), Content_Encoding="gzip")
    assert (await fetcher.get(url(site))).body == b"hello"


@pytest.mark.parametrize("encoding", ["br", "gzip, gzip", "gzip"])
async def test_packing_nobody_asked_for_is_refused(encoding: str, fetcher: Fetcher, site: Site) -> None:
    site.at["/"] = answer(200, b"\x00octets", Content_Encoding=encoding)
    assert (await refused(fetcher, url(site))).trouble is Trouble.PROTOCOL


@pytest.mark.parametrize("octets", [b"", b"SSH-2.0-x\r\n", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"])
async def test_what_is_not_http_is_refused(octets: bytes, fetcher: Fetcher, site: Site) -> None:
    site.at["/"] = octets
    assert (await refused(fetcher, url(site))).trouble is Trouble.PROTOCOL


async def test_proxies_of_the_environment_are_not_asked(
    fetcher: Fetcher, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    assert (await fetcher.get(url(site))).status == 200


async def test_a_caller_that_goes_leaves_no_connection(fetcher: Fetcher, site: Site) -> None:
    site.at["/"] = HANG
    running = asyncio.create_task(fetcher.get(url(site)))
    while not site.requests:
        await asyncio.sleep(0.01)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
