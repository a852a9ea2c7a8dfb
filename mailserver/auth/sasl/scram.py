"""SCRAM-SHA-256 as messages and sums: pure, nothing is asked or looked up. RFC 5802, RFC 7677.

client-first   gs2-header bare                n,,n=user,r=nonce
server-first                                  r=nonce+ours,s=salt,i=iterations
client-final   without-proof ",p=" proof      c=gs2-header+binding,r=nonce+ours,p=proof
server-final                                  v=signature
"""

import hashlib
import hmac
import re
import stringprep
import unicodedata
from base64 import b64decode, b64encode
from binascii import Error
from dataclasses import dataclass

from mailserver.auth.sasl.exchange import BadResponse, text
from mailserver.store.scram_keys import ScramKeys

# RFC 7677 §4 asks for 4,096 at least, and for 0.1 s of a modern machine. The client does this work at each login, a
# small one too; Cyrus SASL, which much of Unix logs in with, takes no more than 65,536.
ITERATIONS = 50_000
SALT_OCTETS = 16
MAX_NONCE = 1024  # octets of the client's part

_FIRST = re.compile(rb"((?:([ny])|p=([A-Za-z0-9.-]+)),(?:a=([^,]+))?,)(n=([^,]+),r=([!-+\--~]+)(?:,.*)?)", re.DOTALL)
_FINAL = re.compile(rb"(c=([A-Za-z0-9+/=]+),r=([!-+\--~]+)(?:,.*)?),p=([A-Za-z0-9+/=]+)", re.DOTALL)
_ESCAPE = re.compile(r"=(2C|3D)?")
_ESCAPED = {"2C": ",", "3D": "="}


@dataclass(frozen=True, slots=True)
class ClientFirst:
    header: bytes  # gs2-header as sent; comes back in the client's last message
    thinks_unbound: bool  # "y": it could bind to the channel, and thinks that we can not
    binding: str | None  # of "p=": the channel binding it uses
    authzid: str  # "" for itself
    bare: bytes
    username: str
    nonce: bytes


@dataclass(frozen=True, slots=True)
class ClientFinal:
    without_proof: bytes
    bound: bytes  # gs2-header and channel binding data
    nonce: bytes
    proof: bytes


def client_first(message: bytes) -> ClientFirst:
    """Raises BadResponse; also for a mandatory extension ("m="), of which there are none."""
    match = _FIRST.fullmatch(message)
    if match is None or len(match[7]) > MAX_NONCE:
        raise BadResponse("Not the first message of SCRAM")
    header, flag, binding, authzid, bare, username, nonce = match.groups()
    name = binding.decode() if binding else None
    return ClientFirst(header, flag == b"y", name, sasl_name(authzid or b""), bare, sasl_name(username), nonce)


def server_first(nonce: bytes, salt: bytes, iterations: int) -> bytes:
    return b"r=%b,s=%b,i=%d" % (nonce, b64encode(salt), iterations)


def client_final(message: bytes) -> ClientFinal:
    """Raises BadResponse."""
    match = _FINAL.fullmatch(message)
    if match is None:
        raise BadResponse("Not the last message of SCRAM")
    proof = _binary(match[4])
    if len(proof) != hashlib.sha256().digest_size:
        raise BadResponse("Not a proof of SCRAM-SHA-256")
    return ClientFinal(match[1], _binary(match[2]), match[3], proof)


def server_final(keys: ScramKeys, auth_message: bytes) -> bytes:
    """Shows the client that we know its password's keys."""
    return b"v=" + b64encode(hmac.digest(keys.server_key, auth_message, "sha256"))


def proves(stored_key: bytes, auth_message: bytes, proof: bytes) -> bool:
    """Whether who made the proof has the ClientKey that this is the hash of; in constant time."""
    signature = hmac.digest(stored_key, auth_message, "sha256")
    client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
    return hmac.compare_digest(hashlib.sha256(client_key).digest(), stored_key)


def make_keys(password: str, salt: bytes, iterations: int = ITERATIONS) -> ScramKeys:
    """Takes 20 ms or so: for a thread."""
    salted = hashlib.pbkdf2_hmac("sha256", prepared(password), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", "sha256")
    return ScramKeys(
        salt, iterations, hashlib.sha256(client_key).digest(), hmac.digest(salted, b"Server Key", "sha256")
    )


def salt_of(secret: bytes, name: str) -> bytes:
    """The salt of a name, whether anybody has it or not: asking before and after an account is made tells nothing."""
    return hmac.digest(secret, b"salt:" + name.encode("utf-8", "surrogatepass"), "sha256")[:SALT_OCTETS]


def nobodys_keys(secret: bytes, name: str) -> ScramKeys:
    """Keys no proof fits, so that a name nobody has costs what others cost."""
    stored_key = hmac.digest(secret, b"nobody:" + name.encode("utf-8", "surrogatepass"), "sha256")
    return ScramKeys(salt_of(secret, name), ITERATIONS, stored_key, stored_key)


def prepared(password: str) -> bytes:
    """SASLprep (RFC 4013), as clients prepare it; what that forbids stays as it is, in NFC (RFC 8265 §4.2)."""
    mapped = "".join(" " if stringprep.in_table_c12(c) else c for c in password if not stringprep.in_table_b1(c))
    mapped = unicodedata.ucd_3_2_0.normalize("NFKC", mapped)
    if any(_is_prohibited(c) for c in mapped) or _mixes_directions(mapped):
        mapped = unicodedata.normalize("NFC", password)
    return mapped.encode("utf-8", "surrogatepass")


def _is_prohibited(c: str) -> bool:
    """RFC 4013 §2.3, and §2.5: stored strings hold no unassigned code points."""
    return (
        stringprep.in_table_c12(c)
        or stringprep.in_table_c21_c22(c)
        or stringprep.in_table_c3(c)
        or stringprep.in_table_c4(c)
        or stringprep.in_table_c5(c)
        or stringprep.in_table_c6(c)
        or stringprep.in_table_c7(c)
        or stringprep.in_table_c8(c)
        or stringprep.in_table_c9(c)
        or stringprep.in_table_a1(c)
    )


def _mixes_directions(text: str) -> bool:
    """RFC 3454 §6: right-to-left text holds no left-to-right letters, and begins and ends with its own."""
    if not any(map(stringprep.in_table_d1, text)):
        return False
    ends = stringprep.in_table_d1(text[0]) and stringprep.in_table_d1(text[-1])
    return not ends or any(map(stringprep.in_table_d2, text))


def sasl_name(octets: bytes) -> str:
    """saslname: "=2C" is a comma and "=3D" an equals sign, RFC 5802 §5.1. Raises BadResponse."""
    return _ESCAPE.sub(_unescaped, text(octets))


def _unescaped(match: re.Match[str]) -> str:
    if match[1] is None:
        raise BadResponse('A name with a bare "="')
    return _ESCAPED[match[1]]


def _binary(encoded: bytes) -> bytes:
    try:
        return b64decode(encoded, validate=True)
    except Error:
        raise BadResponse("Not base64 inside SCRAM") from None
