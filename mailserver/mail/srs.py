"""Sender rewriting: a reverse-path in a domain of ours for mail that we forward, from which bounces find back.

    ann@far.example  forwarded by us (example.org)          SRS0=HASH=TT=far.example=ann@example.org
    SRS0=…@one.example                                      SRS1=HASH=one.example==…@example.org
    SRS1=HASH=one.example==…@two.example                    SRS1=our HASH=one.example==…@example.org

SRS0 is the first rewriting, SRS1 any later one: it names the first server and drops those between, so that an address
does not grow. HASH is a keyed digest of the rest, TT the day. Hash and prefix are compared without regard to case,
which some servers do not keep. After "The Sender Rewriting Scheme" (M. S. Wong, 2004) as libsrs2 and postsrsd have it.
"""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass

HASH_LETTERS = 8  # of base32: 40 bits
DAYS_AROUND = 1024  # two letters of base32, after which the count of days begins again
MAX_LOCAL_OCTETS = 64  # RFC 5321 §4.5.3.1.1
DAY_SECONDS = 86_400

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_ATOM = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\x80-\U0010ffff-]+"
_DOT_ATOM = re.compile(rf"{_ATOM}(?:\.{_ATOM})*")
_FLAGS = re.IGNORECASE | re.ASCII | re.DOTALL
_REWRITTEN = re.compile(r"SRS[01][=+-]", _FLAGS)
_SRS0 = re.compile(r"SRS0[=+-]([^=]+)=([A-Z2-7]{2})=([^=]+)=(.+)", _FLAGS)
_SRS1 = re.compile(r"SRS1[=+-]([^=]+)=([^=]+)=([=+-].+)", _FLAGS)
_FOREIGN_SRS0 = re.compile(r"SRS0([=+-].+)", _FLAGS)


class BadSrs(Exception):  # noqa: N818 - the words are for a refusal
    """Not made by us, or too old; the text says which."""


@dataclass(frozen=True, slots=True)
class Srs:
    key: bytes
    max_days: int  # that an address can be bounced to

    def forward(self, sender: str, domain: str, epoch: int) -> str | None:
        """The reverse-path in `domain` for what came from `sender`; None where it would be too long, or be quoted."""
        local, _, host = sender.rpartition("@")
        rewritten = f"{self._local(local, host, epoch)}@{domain}"
        fits = len(rewritten.rpartition("@")[0].encode("utf-8", "replace")) <= MAX_LOCAL_OCTETS
        return rewritten if fits and _DOT_ATOM.fullmatch(local) and not host.startswith("[") else None

    def reverse(self, address: str, epoch: int) -> str:
        """Who a bounce to this address is for: the first sender, or the first server's own SRS0. Raises BadSrs."""
        local = address.rpartition("@")[0]
        if later := _SRS1.fullmatch(local):
            self._require(later[1], "1", later[2], later[3])
            return f"SRS0{later[3]}@{later[2]}"
        first = _SRS0.fullmatch(local)
        if first is None:
            raise BadSrs("not a complete rewritten address")
        digest, stamp, host, name = first.groups()
        self._require(digest, "0", stamp, host, name)
        if (epoch // DAY_SECONDS - _number(stamp)) % DAYS_AROUND > self.max_days:
            raise BadSrs(f"older than {self.max_days} days")
        return f"{name}@{host}"

    def _local(self, local: str, host: str, epoch: int) -> str:
        if later := _SRS1.fullmatch(local):
            return f"SRS1={self._hash('1', later[2], later[3])}={later[2]}={later[3]}"
        if first := _FOREIGN_SRS0.fullmatch(local):
            return f"SRS1={self._hash('1', host, first[1])}={host}={first[1]}"
        stamp = _stamp(epoch)
        return f"SRS0={self._hash('0', stamp, host, local)}={stamp}={host}={local}"

    def _hash(self, *parts: str) -> str:
        text = "\0".join(parts).lower().encode("utf-8", "replace")
        return base64.b32encode(hmac.digest(self.key, text, hashlib.sha256)).decode("ascii")[:HASH_LETTERS]

    def _require(self, digest: str, *parts: str) -> None:
        given = digest.upper().encode("utf-8", "replace")
        if not hmac.compare_digest(given, self._hash(*parts).encode()):
            raise BadSrs("not signed by this server")


def is_rewritten(address: str) -> bool:
    """Whether it looks like one of ours or of another server that rewrites."""
    return _REWRITTEN.match(address) is not None


def _stamp(epoch: int) -> str:
    day = epoch // DAY_SECONDS % DAYS_AROUND
    return _LETTERS[day >> 5] + _LETTERS[day & 31]


def _number(stamp: str) -> int:
    high, low = map(_LETTERS.index, stamp.upper())
    return high << 5 | low
