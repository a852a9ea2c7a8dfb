"""The DNS record of a key of ours, as people publish it. RFC 6376 §3.6."""

from dataclasses import dataclass

STRING_OCTETS = 255  # of one character-string in a TXT record, RFC 1035 §3.3.14
TTL = 3600


@dataclass(frozen=True, slots=True)
class Record:
    """What the zone of a domain needs."""

    domain: str
    selector: str
    k: str  # "rsa" or "ed25519"
    p: str  # the public key, base64; "" says that the key was revoked

    @property
    def name(self) -> str:
        return f"{self.selector}._domainkey.{self.domain}"

    @property
    def value(self) -> str:
        """In one line, as forms of DNS providers want it."""
        return f"v=DKIM1; k={self.k}; p={self.p}"

    @property
    def zone(self) -> str:
        """For a zone file: the value in strings of at most 255 octets."""
        strings = [self.value[at : at + STRING_OCTETS] for at in range(0, len(self.value), STRING_OCTETS)]
        quoted = [f'"{string}"' for string in strings]
        text = quoted[0] if len(quoted) == 1 else "( " + "\n    ".join(quoted) + " )"
        return f"{self.name}. {TTL} IN TXT {text}"
