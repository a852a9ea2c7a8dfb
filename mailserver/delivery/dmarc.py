"""What the domain in From wants done with mail that is not provably its own. RFC 9989: record, tree walk, alignment."""

from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from mailserver.dns.answers import Answer

MAX_QUESTIONS = 8  # RFC 9989 §4.10
LONGEST_RECORD = 4096  # octets


class TextResolver(Protocol):
    async def txt(self, name: str) -> Answer[bytes]:
        """Raises DnsFailure."""


class Wish(StrEnum):
    NONE = "none"
    QUARANTINE = "quarantine"
    REJECT = "reject"


@dataclass(frozen=True, slots=True)
class DmarcPolicy:
    wish: Wish
    is_strict: bool  # adkim=s: only a signature of exactly this domain counts
    domain: str  # in From
    organization: str  # the organizational domain

    def covers(self, signer: str) -> bool:
        """Whether a signature of this domain is aligned with From. RFC 9989 §4.4.1"""
        if self.is_strict or signer == self.domain:
            return signer == self.domain
        return signer == self.organization or signer.endswith(f".{self.organization}")


async def policy_of(resolver: TextResolver, domain: str) -> DmarcPolicy:
    """`domain`: A-labels in lower case. Without any record nothing is wished. Raises DnsFailure."""
    found: list[tuple[str, dict[str, str]]] = []
    for name in _walk(domain):
        tags = _record((await resolver.txt(f"_dmarc.{name}")).records)
        if tags is None:
            continue
        found.append((name, tags))
        if tags.get("psd") in {"y", "n"}:
            break
    if not found:
        return DmarcPolicy(Wish.NONE, False, domain, domain)
    name, tags = found[0]
    wished = tags.get("p") if name == domain else tags.get("sp", tags.get("p"))
    is_strict = tags.get("adkim") == "s"
    return DmarcPolicy(_wish(wished), is_strict, domain, _organization(domain, found))


def _walk(domain: str) -> list[str]:
    """The domain and those above it; of a long one only the last seven labels are looked at. RFC 9989 §4.10."""
    labels = domain.split(".")
    names = [".".join(labels[start:]) for start in range(len(labels))]
    return names if len(names) <= MAX_QUESTIONS else [names[0], *names[1 - MAX_QUESTIONS :]]


def _organization(domain: str, found: list[tuple[str, dict[str, str]]]) -> str:
    """RFC 9989 §4.10.2: psd=n is one itself, below psd=y one begins, else it is the highest with a record."""
    name, tags = found[-1]
    if tags.get("psd") == "y" and name != domain:
        below = domain.removesuffix(f".{name}").rpartition(".")[2]
        return f"{below}.{name}"
    return name


def _record(texts: tuple[bytes, ...]) -> dict[str, str] | None:
    """The tags of the one record that is DMARC's; several are none."""
    records = [found for text in texts if (found := _tags(text[:LONGEST_RECORD])) is not None]
    return records[0] if len(records) == 1 else None


def _tags(text: bytes) -> dict[str, str] | None:
    parts = [part.partition("=") for part in text.decode("utf-8", "replace").split(";")]
    name, _, value = parts[0]
    if (name.strip().lower(), value.strip()) != ("v", "DMARC1"):
        return None
    return {name.strip().lower(): value.strip().lower() for name, _, value in parts}


def _wish(text: str | None) -> Wish:
    """What can not be read is "none", RFC 9989 §4.7."""
    return next((wish for wish in Wish if wish == text), Wish.NONE)
