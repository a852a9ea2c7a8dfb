"""Our results as Authentication-Results and ARC-Authentication-Results say them. RFC 8601, RFC 8617 §4.1.1."""

from collections.abc import Iterable

import authres
from authres.core import AuthenticationResult, AuthenticationResultProperty

from mailserver.dkim.results import ChainResult, SignatureResult


def write(
    authserv_id: str, signatures: Iterable[SignatureResult], chain: ChainResult, others: Iterable[object] = ()
) -> str:
    """The field's value in one line. `others`: results of authres for further methods, such as SPF."""
    results = [*others, *map(_dkim, signatures), AuthenticationResult("arc", result=chain.status.value)]
    header = authres.AuthenticationResultsHeader(authserv_id=authserv_id, results=results)
    return " ".join(str(header).partition(":")[2].split())


def _dkim(found: SignatureResult) -> AuthenticationResult:
    properties = {"d": found.domain, "s": found.selector, "a": found.algorithm, "b": found.signature}
    return AuthenticationResult(
        "dkim",
        result=found.result.value,
        reason=found.reason or None,
        properties=[AuthenticationResultProperty("header", name, value) for name, value in properties.items() if value],
    )
