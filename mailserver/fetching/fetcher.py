"""HTTPS to a host that a stranger named: looked up once, checked, and exactly what was checked is dialled.

What it keeps from happening: requests to this machine and its networks (also by a name that changes its address
between check and use), endless answers, slow answers, small answers that unpack to large ones, redirects, proxies.
"""

import asyncio
import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from mailserver.dns.answers import DnsFailure, Resolver
from mailserver.fetching.addresses import Network, why_not
from mailserver.fetching.gunzip import NotGzip, TooMuch, gunzip
from mailserver.fetching.own_addresses import is_own

if TYPE_CHECKING:
    import httpx2

MAX_ADDRESSES = 4  # of one host that are tried
MAX_URL = 2000  # characters
CONNECT_SECONDS = 5.0  # for each address
USER_AGENT = "mailserver"


class Trouble(StrEnum):
    """Why there is no answer."""

    URL = "url"  # not one that may be fetched
    DNS = "dns"
    ADDRESS = "address"  # leads to where strangers may not send us
    CONNECT = "connect"
    TLS = "tls"  # certificate or handshake
    PROTOCOL = "protocol"  # an answer that is not HTTP
    SIZE = "size"
    TIME = "time"


class FetchFailed(Exception):  # noqa: N818 - an event
    def __init__(self, trouble: Trouble, reason: str) -> None:
        super().__init__(reason)
        self.trouble = trouble
        self.reason = reason


@dataclass(frozen=True, slots=True)
class Bounds:
    max_octets: int = 65_536  # of the answer, unpacked
    seconds: float = 10.0  # for the whole of it


@dataclass(frozen=True, slots=True)
class Fetched:
    status: int
    content_type: str  # lower case, without parameters
    body: bytes
    address: str  # that was dialled
    headers: Mapping[str, str] = field(default_factory=dict)  # names in lower case


class Fetcher:
    """No redirects, no cookies, no proxies, no connection kept: a request is one connection."""

    def __init__(
        self,
        resolver: Resolver,
        *,
        context: ssl.SSLContext | Callable[[], ssl.SSLContext] | None = None,
        allowed: Sequence[Network] = (),
        ports: Sequence[int] = (443,),
        is_own: Callable[[str], bool] = is_own,
    ) -> None:
        """`context`: who may vouch for hosts, or what reads them, in a thread, when the first one is asked: they are
        some megabytes; None: whom the system trusts. `allowed`: networks that may be dialled
        although they are private, for tests and closed networks."""
        self._resolver = resolver
        self._context = context or ssl.create_default_context
        self._allowed = tuple(allowed)
        self._ports = frozenset(ports)
        self._is_own = is_own

    async def get(self, url: str, bounds: Bounds = Bounds(), headers: Mapping[str, str] | None = None) -> Fetched:
        """Whatever status it has. Raises FetchFailed."""
        return await self._whole("GET", url, headers or {}, b"", bounds)

    async def post(
        self, url: str, body: bytes, headers: Mapping[str, str] | None = None, bounds: Bounds = Bounds()
    ) -> Fetched:
        """Whatever status it has. Raises FetchFailed."""
        return await self._whole("POST", url, headers or {}, body, bounds)

    async def _trust(self) -> ssl.SSLContext:
        if not isinstance(self._context, ssl.SSLContext):
            self._context = await asyncio.to_thread(self._context)
        return self._context

    async def _whole(self, method: str, url: str, headers: Mapping[str, str], body: bytes, bounds: Bounds) -> Fetched:
        try:
            async with asyncio.timeout(bounds.seconds):
                return await self._request(method, self._parsed(url), headers, body, bounds)
        except TimeoutError:
            raise FetchFailed(Trouble.TIME, f"no whole answer within {bounds.seconds:g} seconds") from None

    def _parsed(self, text: str) -> "httpx2.URL":
        import httpx2

        try:
            url = httpx2.URL(text[: MAX_URL + 1])
        except httpx2.InvalidURL as fault:
            raise FetchFailed(Trouble.URL, f"not a URL: {fault}") from fault
        wrong = self._what_is_wrong(text, url)
        if wrong is not None:
            raise FetchFailed(Trouble.URL, wrong)
        return url

    def _what_is_wrong(self, text: str, url: "httpx2.URL") -> str | None:
        port = url.port or 443
        if len(text) > MAX_URL:
            return f"the URL has more than {MAX_URL} characters"
        if url.scheme != "https":
            return "the URL does not begin with https://"
        if url.userinfo:
            return "the URL has a user name in it"
        if port not in self._ports:
            return f"the URL names port {port}; only {', '.join(map(str, sorted(self._ports)))} may be asked"
        if not _is_name(url.raw_host.decode("ascii")):
            return "the URL names no host, or an address instead of a host name"
        return None

    async def _request(
        self, method: str, url: "httpx2.URL", headers: Mapping[str, str], body: bytes, bounds: Bounds
    ) -> Fetched:
        host = url.raw_host.decode("ascii")
        fault = FetchFailed(Trouble.DNS, f"{host} has no address")
        for address in await self._checked(host):
            try:
                return await self._exchange(method, url, host, address, headers, body, bounds)
            except FetchFailed as failed:
                if failed.trouble is not Trouble.CONNECT:
                    raise
                fault = failed
        raise fault

    async def _checked(self, host: str) -> list[str]:
        """Addresses that may be dialled: one that may not spoils them all, it is no accident."""
        try:
            answer = await self._resolver.addresses(host)
        except DnsFailure as fault:
            raise FetchFailed(Trouble.DNS, f"the address of {host} could not be looked up: {fault}") from fault
        for address in answer.records:
            reason = why_not(address, self._allowed, self._is_own)
            if reason is not None:
                raise FetchFailed(Trouble.ADDRESS, f"{host} leads to {address}, which is {reason}")
        return list(answer.records[:MAX_ADDRESSES])

    async def _exchange(
        self,
        method: str,
        url: "httpx2.URL",
        host: str,
        address: str,
        headers: Mapping[str, str],
        body: bytes,
        bounds: Bounds,
    ) -> Fetched:
        """The URL dialled names the address; TLS and HTTP name the host."""
        import httpx2

        named = host if url.port is None else f"{host}:{url.port}"
        dialled = f"[{address}]" if ":" in address else address
        sent = {"User-Agent": USER_AGENT, "Accept-Encoding": "gzip", **headers, "Host": named}
        timeout = httpx2.Timeout(bounds.seconds, connect=min(CONNECT_SECONDS, bounds.seconds))
        async with httpx2.AsyncClient(verify=await self._trust(), trust_env=False, timeout=timeout) as client:
            request = client.build_request(
                method, url.copy_with(host=dialled), headers=sent, content=body, extensions={"sni_hostname": host}
            )
            try:
                response = await client.send(request, stream=True, follow_redirects=False)
                try:
                    raw = await _read(response, bounds.max_octets)
                finally:
                    await response.aclose()
            except httpx2.TransportError as fault:
                raise _failed(fault, address) from fault
        return Fetched(
            response.status_code,
            response.headers.get("Content-Type", "").partition(";")[0].strip().lower(),
            _unpacked(raw, response.headers.get("Content-Encoding", ""), bounds.max_octets),
            address,
            {name.lower(): value for name, value in response.headers.items()},
        )


async def _read(response: "httpx2.Response", max_octets: int) -> bytes:
    body = bytearray()
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > max_octets:
            raise FetchFailed(Trouble.SIZE, f"the answer has more than {max_octets} octets")
    return bytes(body)


def _unpacked(body: bytes, encoding: str, max_octets: int) -> bytes:
    match encoding.strip().lower():
        case "" | "identity":
            return body
        case "gzip" | "x-gzip":
            try:
                return gunzip(body, max_octets) if body else body
            except TooMuch as fault:
                raise FetchFailed(Trouble.SIZE, f"the answer has {fault}") from fault
            except NotGzip as fault:
                raise FetchFailed(Trouble.PROTOCOL, f"the answer is {fault}") from fault
    raise FetchFailed(Trouble.PROTOCOL, f"the answer is packed in a way nobody asked for: {encoding[:40]!r}")


def _failed(fault: "httpx2.TransportError", address: str) -> FetchFailed:
    import httpx2

    for cause in _causes(fault):
        if isinstance(cause, ssl.SSLCertVerificationError):
            return FetchFailed(Trouble.TLS, f"the certificate does not hold: {cause.verify_message}")
        if isinstance(cause, ssl.SSLError):
            return FetchFailed(Trouble.TLS, f"TLS failed: {cause.reason or cause}")
    match fault:
        case httpx2.ConnectTimeout():
            return FetchFailed(Trouble.CONNECT, f"{address} does not answer")
        case httpx2.TimeoutException():
            return FetchFailed(Trouble.TIME, "the answer stopped half-way")
        case httpx2.ConnectError():
            return FetchFailed(Trouble.CONNECT, f"no connection to {address}: {fault or 'refused'}")
    return FetchFailed(Trouble.PROTOCOL, f"no HTTP answer: {fault or type(fault).__name__}")


def _causes(fault: BaseException) -> list[BaseException]:
    """The exception and those it came from, 10 at most."""
    found: list[BaseException] = []
    current: BaseException | None = fault
    while current is not None and len(found) < 10:
        found.append(current)
        current = current.__cause__ or current.__context__
    return found


def _is_name(host: str) -> bool:
    """At least two labels, and not all digits in the last one: 127.1 and 0x7f.1 are addresses to some."""
    last = host.rstrip(".").rpartition(".")[2]
    return "." in host.rstrip(".") and ":" not in host and not last.isdigit() and not last.startswith("0x")
