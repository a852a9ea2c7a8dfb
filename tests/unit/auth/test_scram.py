"""SCRAM-SHA-256 against the example of RFC 7677, and what its messages may not be."""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.auth.account import Account
from mailserver.auth.sasl import scram
from mailserver.auth.sasl.exchange import BadResponse, Exchange
from mailserver.auth.sasl.mechanisms import MECHANISMS, offered
from mailserver.auth.sasl.scram_exchange import SCRAM, SCRAM_PLUS, Downgraded, NoSuchBinding, NotBound
from mailserver.store.scram_keys import ScramKeys

# RFC 7677 §3; its server nonce is no base64, which says nothing
SALT = base64.b64decode("W22ZaJ0SNY7soEsUEjb6gQ==")
NONCE = b"rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
CLIENT_FIRST = b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
SERVER_FIRST = b"r=" + NONCE + b",s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
CLIENT_FINAL = b"c=biws,r=" + NONCE + b",p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
SERVER_FINAL = b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4="
ANN = Account(1, "user", "", is_admin=False)


def test_the_example_of_rfc_7677() -> None:
    keys = scram.make_keys("pencil", SALT, 4096)
    first, final = scram.client_first(CLIENT_FIRST), scram.client_final(CLIENT_FINAL)
    assert (first.header, first.username, first.binding, first.thinks_unbound) == (b"n,,", "user", None, False)
    assert (final.bound, final.nonce) == (b"n,,", NONCE)
    assert scram.server_first(NONCE, SALT, 4096) == SERVER_FIRST
    auth_message = b",".join((first.bare, SERVER_FIRST, final.without_proof))
    assert scram.proves(keys.stored_key, auth_message, final.proof)
    assert not scram.proves(keys.stored_key, auth_message + b"x", final.proof)
    assert not scram.proves(scram.make_keys("pencil ", SALT, 4096).stored_key, auth_message, final.proof)
    assert scram.server_final(keys, auth_message) == SERVER_FINAL


@pytest.mark.parametrize(
    ("message", "username", "authzid", "binding", "thinks_unbound"),
    [
        (b"n,,n=a,r=x", "a", "", None, False),
        (b"y,,n=a,r=x", "a", "", None, True),
        (b"p=tls-unique,,n=a,r=x", "a", "", "tls-unique", False),
        (b"n,a=b,n=a,r=x", "a", "b", None, False),
        (b"n,,n=a=2Cb=3Dc,r=x,ext=1", "a,b=c", "", None, False),  # extensions are passed over
        ("n,,n=änne@example.test,r=x".encode(), "änne@example.test", "", None, False),
    ],
)
def test_a_first_message_is_read(
    message: bytes, username: str, authzid: str, binding: str | None, thinks_unbound: bool
) -> None:
    first = scram.client_first(message)
    assert (first.username, first.authzid, first.binding) == (username, authzid, binding)
    assert first.thinks_unbound is thinks_unbound


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"n,,",
        b"n,,n=,r=x",
        b"n,,n=a,r=",
        b"n,,n=a",
        b"n=a,r=x",
        b"x,,n=a,r=x",
        b"n,,m=ext,n=a,r=x",  # a mandatory extension, RFC 5802 §5.1
        b"n,,n=a=2c,r=x",
        b"n,,n=a=,r=x",
        b"n,,n=\xff,r=x",
        b"n,,n=a,r=\x00",
        b"p=,,n=a,r=x",
        b"n,,n=a,r=" + b"x" * (scram.MAX_NONCE + 1),
    ],
)
def test_a_first_message_of_another_shape_is_refused(message: bytes) -> None:
    with pytest.raises(BadResponse):
        scram.client_first(message)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"c=biws,r=x",
        b"c=biws,r=x,p=",
        b"c=!,r=x,p=AAAA",
        b"c=biws,r=x,p=AAAA",
        b"r=x,c=biws,p=AAAA",
        b"c=b,r=x,p=A",
    ],
)
def test_a_last_message_of_another_shape_is_refused(message: bytes) -> None:
    with pytest.raises(BadResponse):
        scram.client_final(message)


@given(st.binary(max_size=200))
def test_no_message_raises_anything_else(message: bytes) -> None:
    for read in (scram.client_first, scram.client_final):
        try:
            read(message)
        except BadResponse:
            continue


@pytest.mark.parametrize(
    ("password", "prepared"),
    [  # RFC 4013 §3, then its other rules
        ("I\u00adX", b"IX"),
        ("user", b"user"),
        ("USER", b"USER"),
        ("\u00aa", b"a"),
        ("\u2168", b"IX"),
        ("a\u00a0b", b"a b"),  # a space that is not ASCII's
        ("e\u0301", "é".encode()),  # one spelling, whatever keyboard typed it
        ("\u0627\u0031", "\u0627\u0031".encode()),  # prohibited by RFC 4013, still somebody's password
        ("\x07", b"\x07"),
    ],
)
def test_passwords_are_prepared_as_clients_prepare_them(password: str, prepared: bytes) -> None:
    assert scram.prepared(password) == prepared


def test_a_name_nobody_has_always_has_the_same_salt_and_no_password() -> None:
    once, again = scram.nobodys_keys(b"secret", "bob@example.test"), scram.nobodys_keys(b"secret", "bob@example.test")
    other = scram.nobodys_keys(b"secret", "eve@example.test")
    assert once == again
    assert once.salt == scram.salt_of(b"secret", "bob@example.test")
    assert len({once.salt, other.salt, once.stored_key, other.stored_key}) == 4
    assert (len(once.salt), once.iterations) == (scram.SALT_OCTETS, scram.ITERATIONS)
    assert "bob" not in repr(once)


def test_cyrus_and_rfc_7677_accept_the_iteration_count() -> None:
    assert 4096 <= scram.ITERATIONS <= 65_536


# ---- the exchange ----


@dataclass
class Login:
    keys: ScramKeys
    noted: list[str] = field(default_factory=list)

    @property
    def salt(self) -> bytes:
        return self.keys.salt

    @property
    def iterations(self) -> int:
        return self.keys.iterations

    async def prove(self, auth_message: bytes, proof: bytes) -> ScramKeys:
        assert scram.proves(self.keys.stored_key, auth_message, proof)
        return self.keys

    async def admit(self) -> Account:
        return ANN

    async def note(self, reason: str) -> None:
        self.noted.append(reason)


@dataclass
class Door:
    login: Login = field(default_factory=lambda: Login(scram.make_keys("pencil", SALT, 4096)))
    offers_scram: bool = True

    def random(self, octets: int) -> bytes:
        return bytes(octets)

    async def authenticate(
        self, username: str, password: str, *, protocol: str, peer: str, authzid: str = ""
    ) -> Account:
        raise NotImplementedError

    async def authenticate_token(self, username: str, token: str, *, protocol: str, peer: str) -> Account:
        raise NotImplementedError

    async def begin_scram(self, username: str, *, authzid: str, protocol: str, peer: str) -> Login:
        return self.login


@dataclass
class Client:
    """A SCRAM client of the test's own; binds as told, whatever the connection really has."""

    header: bytes
    data: bytes = b""  # channel binding data
    seen: list[bytes] = field(default_factory=list)

    @property
    def first(self) -> bytes:
        return self.header + b"n=user,r=mine"

    async def ask(self, challenge: bytes) -> bytes:
        self.seen.append(challenge)
        if challenge.startswith(b"v="):
            return b""
        nonce, salt, iterations = (part[2:] for part in challenge.split(b","))
        without_proof = b"c=" + base64.b64encode(self.header + self.data) + b",r=" + nonce
        auth_message = b",".join((b"n=user,r=mine", challenge, without_proof))
        salted = hashlib.pbkdf2_hmac("sha256", b"pencil", base64.b64decode(salt), int(iterations))
        key = hmac.digest(salted, b"Client Key", "sha256")
        signature = hmac.digest(hashlib.sha256(key).digest(), auth_message, "sha256")
        proof = bytes(a ^ b for a, b in zip(key, signature, strict=True))
        return without_proof + b",p=" + base64.b64encode(proof)


async def speak(mechanism: str, client: Client, bindings: Mapping[str, bytes], door: Door | None = None) -> Account:
    door = door or Door()
    told = offered(door, bindings)
    exchange = Exchange(door, "imap", "192.0.2.1", client.first, client.ask, bindings, told)
    return await MECHANISMS[mechanism](exchange)


TLS12 = {"tls-unique": b"finished", "tls-server-end-point": b"hash"}
TLS13 = {"tls-server-end-point": b"hash"}


def test_plus_is_told_where_the_tls_versions_default_binding_is_there() -> None:
    assert SCRAM_PLUS in offered(Door(), TLS12)
    assert SCRAM_PLUS not in offered(Door(), TLS13)  # clients would choose tls-exporter, and be locked out
    assert offered(Door(), {}) == ("PLAIN", "LOGIN", "SCRAM-SHA-256", "OAUTHBEARER", "XOAUTH2")
    assert offered(Door(offers_scram=False), TLS12) == ("PLAIN", "LOGIN", "OAUTHBEARER", "XOAUTH2")


@pytest.mark.parametrize(
    ("bindings", "name", "data"),
    [
        (TLS12, b"tls-unique", b"finished"),
        (TLS12, b"tls-server-end-point", b"hash"),
        (TLS13, b"tls-server-end-point", b"hash"),
    ],
)
async def test_plus_binds_the_login_to_the_connection(bindings: Mapping[str, bytes], name: bytes, data: bytes) -> None:
    client = Client(b"p=" + name + b",,", data)
    assert await speak(SCRAM_PLUS, client, bindings) == ANN
    assert client.seen[-1].startswith(b"v=")


async def test_a_proof_for_another_connection_is_refused() -> None:
    door = Door()
    with pytest.raises(NotBound):
        await speak(SCRAM_PLUS, Client(b"p=tls-server-end-point,,", b"hash of the man in the middle"), TLS12, door)
    with pytest.raises(NoSuchBinding):
        await speak(SCRAM_PLUS, Client(b"p=tls-exporter,,", b"hash"), TLS13, door)
    with pytest.raises(NoSuchBinding):
        await speak(SCRAM_PLUS, Client(b"p=tls-unique,,", b""), {}, door)
    assert door.login.noted == ["channel binding of another connection", *["no such channel binding"] * 2]


async def test_a_client_that_was_not_told_of_plus_although_we_did_is_warned() -> None:
    door = Door()
    with pytest.raises(Downgraded):
        await speak(SCRAM, Client(b"y,,"), TLS12, door)
    assert len(door.login.noted) == 1
    assert await speak(SCRAM, Client(b"y,,"), TLS13) == ANN  # nobody told it of -PLUS
    assert await speak(SCRAM, Client(b"n,,"), TLS12) == ANN  # it can not bind


@pytest.mark.parametrize(
    ("mechanism", "header"), [(SCRAM, b"p=tls-unique,,"), (SCRAM_PLUS, b"n,,"), (SCRAM_PLUS, b"y,,")]
)
async def test_binding_and_mechanism_belong_together(mechanism: str, header: bytes) -> None:
    with pytest.raises(BadResponse):
        await speak(mechanism, Client(header), TLS12)
