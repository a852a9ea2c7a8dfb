"""Signatures against their keys, the header and the body's hash: in a thread, without a question to anybody."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from mailserver.dkim import key_record, library
from mailserver.dkim.body_hash import BodyHash, BodyKind, body_hashes
from mailserver.dkim.key_record import BadRecord, KeyRecord
from mailserver.dkim.results import DkimResult, SignatureResult
from mailserver.dkim.signature import ALGORITHMS, DkimSignature, RawField, Signature, Signer, shown, taking_part
from mailserver.dns.answers import DnsFailure

LEAST_BITS = 1024  # RFC 8301 §3.2
SERVICES = {b"*", b"email"}
ED25519_SIGNATURE_OCTETS = 64

Records = Mapping[str, tuple[bytes, ...] | DnsFailure]  # name → its TXT records, or why there are none now


class Judged(Exception):  # noqa: N818 - a verdict
    def __init__(self, result: DkimResult, reason: str) -> None:
        super().__init__(reason)
        self.result = result
        self.reason = reason


def judge_all(
    signatures: Sequence[DkimSignature], fields: Sequence[RawField], body: Iterable[bytes], records: Records, now: int
) -> list[SignatureResult]:
    """`fields`: the whole header in message order; `now`: epoch seconds. Reads the body once."""
    bodies = body_hashes({each.signature.body for each in signatures}, body)
    return [_judge(each, fields, bodies, records, now) for each in signatures]


def _judge(
    parsed: DkimSignature,
    fields: Sequence[RawField],
    bodies: Mapping[BodyKind, BodyHash],
    records: Records,
    now: int,
) -> SignatureResult:
    signature, signer, key = parsed.signature, parsed.signature.signer, None
    result, reason = DkimResult.PASS, ""
    try:
        key = key_of(signer, records)
        require_strength(signer, key)
        _require_identity(parsed, key)
        require_body(signature, bodies)
        require_header(fields, signature.tags, signature.names, signature.field, signer, key)
        _require_time(parsed.expires_at, now)
        _require_whole(signature)
    except Judged as verdict:
        result, reason = verdict.result, verdict.reason
    if result is DkimResult.FAIL and key is not None and key.is_testing:
        result, reason = DkimResult.NEUTRAL, f"{reason}; the domain is only trying DKIM out"
    return SignatureResult(
        result,
        reason,
        signer.domain,
        signer.selector,
        signer.algorithm.decode(),
        shown(signature.tags),
        parsed.identity,
        key.bits if key is not None else 0,
        key is not None and key.is_testing,
        parsed.expires_at,
    )


def key_of(signer: Signer, records: Records) -> KeyRecord:
    """The key it has to be made with. Raises Judged."""
    found = records[signer.key_name]
    if isinstance(found, DnsFailure):
        raise Judged(DkimResult.TEMPERROR, "the key record could not be had now") from found
    try:
        key = key_record.parse(key_record.choose(found))
    except BadRecord as fault:
        raise Judged(DkimResult.PERMERROR, str(fault)) from fault
    if key.k != ALGORITHMS[signer.algorithm]:
        raise Judged(DkimResult.PERMERROR, "the key is of another kind than the signature")
    if key.hashes and b"sha256" not in key.hashes:
        raise Judged(DkimResult.PERMERROR, "the key is not for sha256")
    if key.services and SERVICES.isdisjoint(key.services):
        raise Judged(DkimResult.PERMERROR, "the key is not for mail")
    return key


def require_body(signature: Signature, bodies: Mapping[BodyKind, BodyHash]) -> None:
    """Raises Judged."""
    body = bodies[signature.body]
    if signature.body.limit is not None and signature.body.limit > body.octets:
        raise Judged(DkimResult.PERMERROR, "l= is more than the body")
    if body.sha256 != signature.body_hash:
        raise Judged(DkimResult.FAIL, "the body was changed")


def require_header(
    fields: Sequence[RawField],
    found: Mapping[bytes, bytes],
    names: Sequence[bytes],
    field: RawField,
    signer: Signer,
    key: KeyRecord,
) -> None:
    """Raises Judged."""
    expected = ED25519_SIGNATURE_OCTETS if key.k == b"ed25519" else (key.bits + 7) // 8
    try:
        if len(signer.signature) == expected and library.header_matches(
            taking_part(fields, names), found, names, field, key.plain
        ):
            return
    except library.BadSignature as fault:
        raise Judged(DkimResult.PERMERROR, "the signature can not be checked") from fault
    raise Judged(DkimResult.FAIL, "the header was changed, or the key is another")


def require_strength(signer: Signer, key: KeyRecord) -> None:
    """RFC 8301. Raises Judged."""
    if signer.algorithm == b"rsa-sha1":
        raise Judged(DkimResult.POLICY, "sha1 proves nothing any more")
    if key.bits < LEAST_BITS and key.k == b"rsa":
        raise Judged(DkimResult.POLICY, f"an RSA key of less than {LEAST_BITS} bits proves nothing")


def _require_identity(parsed: DkimSignature, key: KeyRecord) -> None:
    """t=s of the key, RFC 6376 §3.6.1."""
    if key.is_exact and parsed.identity.rpartition("@")[2] != parsed.signature.signer.domain:
        raise Judged(DkimResult.PERMERROR, "the key is not for subdomains, and i= names one")


def _require_time(expires_at: int | None, now: int) -> None:
    if expires_at is not None and expires_at < now:
        expired = datetime.fromtimestamp(expires_at, UTC)  # it is in the past, so it is in the calendar
        raise Judged(DkimResult.FAIL, f"the signature expired on {expired:%Y-%m-%d}")


def _require_whole(signature: Signature) -> None:
    """Whoever adds to such a message is believed for the rest of it."""
    if signature.body.limit is not None:
        raise Judged(DkimResult.POLICY, "l= leaves the end of the body to anybody")
