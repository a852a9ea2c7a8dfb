"""DNSSEC for tests: a signed root zone, and Debian's unbound that validates below it, all on loopback.

    anchor = sign(zone, 'example.net. 60 IN MX 10 mx.example.net.\\n…')
    async with Unbound(tmp_path, zone, anchor) as unbound:
        DnsConfig(servers=(unbound.server,))

The text is the root zone, without SOA and DNSKEY; a name with NS and no DS in it is the cut of an unsigned zone, whose
records are set in the Zone as always. What `Zone.set` changes afterwards keeps its old signature, and is bogus.
"""

import asyncio
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

import dns.asyncquery
import dns.dnssec
import dns.exception
import dns.message
import dns.name
import dns.rdatatype
import dns.zone
from cryptography.hazmat.primitives.asymmetric import ec

from tests.zone import Zone

UNBOUND = Path("/usr/sbin/unbound")
START_SECONDS = 20.0
LIFETIME = 86_400 * 7
KEY_SIGNING = 257  # flags of a DNSKEY: a zone's key, and its entry point

APEX = """
.           60 IN SOA ns.example. admin.example. 1 3600 600 86400 60
.           60 IN NS  ns.example.
ns.example. 60 IN A   127.0.0.1
"""

CONFIG = """
server:
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  interface: 127.0.0.1@{port}
  do-ip6: no
  do-daemonize: no
  use-syslog: no
  verbosity: 1
  val-log-level: 2
  do-not-query-localhost: no
  module-config: "validator iterator"
  trust-anchor: "{anchor}"
  num-threads: 1
remote-control:
  control-enable: no
stub-zone:
  name: "."
  stub-addr: {zone}@{zone_port}
"""


def sign(zone: Zone, text: str) -> str:
    """Sign the root zone and serve it; the trust anchor for it, a DS record."""
    root = dns.zone.from_text(APEX + text, origin=".", relativize=False)
    key = ec.generate_private_key(ec.SECP256R1())
    public = dns.dnssec.make_dnskey(key.public_key(), dns.dnssec.Algorithm.ECDSAP256SHA256, flags=KEY_SIGNING)
    with root.writer() as changes:
        dns.dnssec.sign_zone(root, changes, [(key, public)], lifetime=LIFETIME, dnskey_ttl=60)
    zone.load(root)
    anchor = dns.dnssec.make_ds(dns.name.root, public, "SHA256")
    return f". IN DS {anchor.to_text()}"


class Unbound:
    """One process; its log is `unbound.log` in the folder."""

    def __init__(self, folder: Path, zone: Zone, anchor: str) -> None:
        self._folder, self._zone, self._anchor = folder, zone, anchor
        self.port = 0

    @property
    def server(self) -> str:
        return f"127.0.0.1:{self.port}"

    async def __aenter__(self) -> Self:
        self.port = _free_port()
        config = self._folder / "unbound.conf"
        config.write_text(
            CONFIG.format(
                folder=self._folder,
                port=self.port,
                anchor=self._anchor,
                zone=self._zone.address,
                zone_port=self._zone.port,
            )
        )
        with (self._folder / "unbound.log").open("wb") as log:
            self._process = await asyncio.create_subprocess_exec(
                str(UNBOUND), "-d", "-p", "-c", str(config), stdout=log, stderr=log
            )
        await self._answers()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._process.returncode is None:
            self._process.terminate()
        await self._process.wait()

    async def _answers(self) -> None:
        """Ask until it answers; its log when it does not."""
        query = dns.message.make_query(".", dns.rdatatype.NS)
        async with asyncio.timeout(START_SECONDS):
            while self._process.returncode is None:
                try:
                    await dns.asyncquery.tcp(query, "127.0.0.1", port=self.port, timeout=START_SECONDS)
                except (OSError, EOFError, dns.exception.DNSException):
                    await asyncio.sleep(0.05)
                else:
                    return
        raise RuntimeError((self._folder / "unbound.log").read_text())


def _free_port() -> int:
    with socket.socket() as tcp, socket.socket(type=socket.SOCK_DGRAM) as udp:
        tcp.bind(("127.0.0.1", 0))
        port: int = tcp.getsockname()[1]
        udp.bind(("127.0.0.1", port))
        return port
