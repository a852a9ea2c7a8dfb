"""What a check came to, in the words of RFC 8601 §2.7.1; reasons are ours, without text of the message."""

from dataclasses import dataclass
from enum import StrEnum


class DkimResult(StrEnum):
    PASS = "pass"  # noqa: S105 - the domain takes responsibility for the message
    FAIL = "fail"  # it does not match, or has expired
    POLICY = "policy"  # it matches, but nobody should rely on it: sha1, a short key, l=
    NEUTRAL = "neutral"  # it does not match, and the domain says that it is only trying things out
    TEMPERROR = "temperror"  # the key could not be had now
    PERMERROR = "permerror"  # it can not be checked at all


@dataclass(frozen=True, slots=True)
class SignatureResult:
    result: DkimResult
    reason: str  # "" for a pass
    domain: str = ""  # d=, A-labels; "" where it is none
    selector: str = ""
    algorithm: str = ""  # a=
    signature: str = ""  # how b= begins, to tell signatures apart: header.b of RFC 6008
    identity: str = ""  # i=, or "@" and the domain
    key_bits: int = 0
    is_testing: bool = False  # t=y of the key
    expires_at: int | None = None  # epoch seconds, x=


class ChainStatus(StrEnum):
    NONE = "none"
    PASS = "pass"  # noqa: S105 - no secret
    FAIL = "fail"
    TEMPERROR = "temperror"  # a key could not be had now; not a word of RFC 8617: nothing is sealed on it


@dataclass(frozen=True, slots=True)
class ChainResult:
    status: ChainStatus
    reason: str = ""  # "" for none and pass
    sealers: tuple[str, ...] = ()  # d= of each ARC-Seal, i=1 first; of a pass only
    instance: int = 0  # the highest i=; 0 without a chain
    is_final: bool = False  # a server before us found it broken: nobody seals it any more, RFC 8617 §5.1.2
