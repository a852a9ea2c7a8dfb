"""Whether a server may send for a domain. RFC 7208; spftrace evaluates, our resolver asks."""

import asyncio
import importlib
from enum import StrEnum

from mailserver.dns.answers import Resolver

LIBRARY = "mailserver.delivery.spf_library"


class SpfResult(StrEnum):
    """RFC 7208 §2.6."""

    PASS = "pass"  # noqa: S105 - no secret
    FAIL = "fail"
    SOFTFAIL = "softfail"
    NEUTRAL = "neutral"
    NONE = "none"
    TEMPERROR = "temperror"
    PERMERROR = "permerror"

    @property
    def says_forged(self) -> bool:
        """The domain says that its mail does not come from there."""
        return self in {SpfResult.FAIL, SpfResult.SOFTFAIL}


async def check(resolver: Resolver, address: str, reverse_path: str, helo: str) -> SpfResult:
    """Of the reverse-path, for the null one of the name in EHLO. Never raises for what a domain publishes.

    `address`: IP address of the peer.
    """
    await asyncio.to_thread(importlib.import_module, LIBRARY)
    from mailserver.delivery.spf_library import Asking, Evaluator

    result = await Evaluator(Asking(resolver)).evaluate(address, reverse_path, helo)
    return SpfResult(result.verdict)
