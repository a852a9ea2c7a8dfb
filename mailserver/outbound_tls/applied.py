"""Which policy a session was under, as reports name it. RFC 8460 §4.4"""

from dataclasses import dataclass
from enum import StrEnum

from mailserver.outbound_tls.mta_sts import StsPolicy


class PolicyType(StrEnum):
    TLSA = "tlsa"
    STS = "sts"
    NONE = "no-policy-found"


@dataclass(frozen=True, slots=True)
class Applied:
    type: PolicyType
    strings: tuple[str, ...] = ()  # TLSA records or lines of the policy file
    mx_patterns: tuple[str, ...] = ()  # of MTA-STS

    @classmethod
    def of_sts(cls, policy: StsPolicy) -> "Applied":
        return cls(PolicyType.STS, policy.lines(), policy.mx)
