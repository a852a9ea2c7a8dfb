"""The computing of ARC, in a thread: each seal against its key, and our own. RFC 8617 §5.1, §5.2."""

import base64
from collections.abc import Iterable, Mapping, Sequence

from mailserver.dkim import chain, library
from mailserver.dkim import judge as judging
from mailserver.dkim.body_hash import RELAXED, body_hashes
from mailserver.dkim.chain import KINDS, ArcSet
from mailserver.dkim.judge import Judged, Records
from mailserver.dkim.results import ChainResult, ChainStatus, DkimResult
from mailserver.dkim.sign import SigningKey
from mailserver.dkim.signature import RawField
from mailserver.dkim.signature_fields import covered, raw_field
from mailserver.mail.editing import HeaderBlock, field_line

SEALED = b"dkim-signature"  # by our ARC-Message-Signature, beside what a DKIM-Signature of ours covers

CV = {ChainStatus.NONE: b"none", ChainStatus.PASS: b"pass", ChainStatus.FAIL: b"fail"}


def judge(
    sets: Sequence[ArcSet], fields: Sequence[RawField], body: Iterable[bytes], records: Records
) -> tuple[ChainStatus, str]:
    """(status, why not): the last ARC-Message-Signature and every seal must hold. `sets`: i=1 first."""
    try:
        _require_message(sets[-1], fields, body, records)
        for count in range(len(sets), 0, -1):
            _require_seal(sets[:count], records)
    except Judged as verdict:
        status = ChainStatus.TEMPERROR if verdict.result is DkimResult.TEMPERROR else ChainStatus.FAIL
        return status, verdict.reason
    return ChainStatus.PASS, ""


def _require_message(last: ArcSet, fields: Sequence[RawField], body: Iterable[bytes], records: Records) -> None:
    message = last.message
    key = judging.key_of(message.signer, records)
    judging.require_strength(message.signer, key)
    judging.require_body(message, body_hashes([message.body], body))
    judging.require_header(fields, message.tags, message.names, message.field, message.signer, key)


def _require_seal(sets: Sequence[ArcSet], records: Records) -> None:
    """That of the last of these sets, over all of them."""
    seal = sets[-1].seal
    try:
        key = judging.key_of(seal.signer, records)
        judging.require_strength(seal.signer, key)
        fields = [field for each in sets for field in each.fields][:-1]
        judging.require_header(fields[::-1], seal.found, _names(fields), seal.field, seal.signer, key)
    except Judged as verdict:
        raise Judged(verdict.result, f"seal {len(sets)}: {verdict.reason}") from verdict


def _names(fields: Sequence[RawField]) -> list[bytes]:
    return [name.rstrip(b" \t").lower() for name, _ in fields]


def seal(
    by: SigningKey, header: bytes, body: Iterable[bytes], results: str, before: ChainResult, signed_at: int
) -> bytes:
    """Our set as field lines, the seal on top. RFC 8617 §5.1."""
    block = HeaderBlock.parse(header)
    instance = before.instance + 1
    said = field_line("ARC-Authentication-Results", f"i={instance}; {results}")
    terms = {
        b"i": b"%d" % instance,
        b"a": by.key.algorithm,
        b"d": by.domain.encode(),
        b"s": by.selector.encode(),
        b"t": b"%d" % signed_at,
    }
    signed = _message_signature(by, block, body, terms)
    ours = [raw_field(said), raw_field(signed)]
    older = _sets_before(block) if before.status is ChainStatus.PASS else []  # a broken chain is not sealed again
    under = [*older, *ours]
    tags = [(b"i", terms.pop(b"i")), (b"cv", CV[before.status]), *terms.items()]
    top = library.sign_header(under[::-1], tags, _names(under), by.key, b"ARC-Seal")
    return top + signed + said


def _message_signature(
    by: SigningKey, block: HeaderBlock, body: Iterable[bytes], terms: Mapping[bytes, bytes]
) -> bytes:
    fields, names = covered(block, SEALED)
    hashed = base64.b64encode(body_hashes([RELAXED], body)[RELAXED].sha256)
    tags = [*terms.items(), (b"c", b"relaxed/relaxed"), (b"h", b" : ".join(names)), (b"bh", hashed)]
    return library.sign_header(fields, tags, names, by.key, b"ARC-Message-Signature")


def _sets_before(block: HeaderBlock) -> list[RawField]:
    """Their fields as seals hash them: i=1 first, of each set in the order of KINDS."""
    fields = [raw_field(field.line) for field in block.fields if field.name in KINDS]
    return [field for each in chain.parse(fields) for field in each.fields]
