"""SASL mechanisms by their messages, without a protocol around them."""

from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.auth.account import Account
from mailserver.auth.sasl import bearer, exchange
from mailserver.auth.sasl.exchange import BadResponse, Cancelled, Exchange
from mailserver.auth.sasl.mechanisms import MECHANISMS

ANN = Account(1, "ann@example.test", "Ann", is_admin=False)


@dataclass
class Door:
    """Lets everybody in and remembers what was said."""

    said: list[tuple[str, str, str]] = field(default_factory=list)  # user name, password, authzid

    async def authenticate(
        self, username: str, password: str, *, protocol: str, peer: str, authzid: str = ""
    ) -> Account:
        self.said.append((username, password, authzid))
        return ANN


@dataclass
class Client:
    """Answers challenges in turn and keeps them."""

    answers: Iterator[bytes]
    asked: list[bytes] = field(default_factory=list)

    async def ask(self, challenge: bytes) -> bytes:
        self.asked.append(challenge)
        return next(self.answers)


async def run(door: Door, mechanism: str, initial: bytes | None, *answers: bytes) -> Client:
    client = Client(iter(answers))
    assert await MECHANISMS[mechanism](Exchange(door, "imap", "192.0.2.1", initial, client.ask)) == ANN
    return client


async def test_plain_takes_its_message_at_once_or_when_asked() -> None:
    door = Door()
    assert (await run(door, "PLAIN", b"\0tim@example.org\0tanstaaftanstaaf")).asked == []  # RFC 4616 §4
    assert (await run(door, "PLAIN", None, b"Ursel\0tim@example.org\0tanstaaftanstaaf")).asked == [b""]
    password = "tanstaaftanstaaf"
    assert door.said == [("tim@example.org", password, ""), ("tim@example.org", password, "Ursel")]


async def test_login_asks_in_the_words_that_old_clients_wait_for() -> None:
    door = Door()
    assert (await run(door, "LOGIN", None, b"tim", b"secret")).asked == [b"Username:", b"Password:"]
    assert (await run(door, "LOGIN", b"tim", b"secret")).asked == [b"Password:"]
    assert door.said == [("tim", "secret", "")] * 2


@pytest.mark.parametrize(
    "message", [b"", b"a", b"\0a", b"\0a\0", b"\0\0b", b"\0a\0b\0", b"\0" * 100, b"\0\xff\0b", b"a\0b\0"]
)
async def test_a_plain_message_of_another_shape_is_refused(message: bytes) -> None:
    with pytest.raises(BadResponse):
        await run(Door(), "PLAIN", message)


@pytest.mark.parametrize(("name", "password"), [(b"", b"x"), (b"x", b""), (b"a\0b", b"x"), (b"x", b"\xff")])
async def test_a_login_answer_of_another_shape_is_refused(name: bytes, password: bytes) -> None:
    with pytest.raises(BadResponse):
        await run(Door(), "LOGIN", name, password)


@pytest.mark.parametrize(
    ("message", "username", "token"),
    [  # RFC 7628 §4.1, then without a name, with other case and order
        (
            b"n,a=user@example.com,\x01host=example.com\x01port=143\x01auth=Bearer vF9dft4qmTc2Nvb3Rlcg==\x01\x01",
            "user@example.com",
            "vF9dft4qmTc2Nvb3Rlcg==",
        ),
        (b"n,,\x01auth=Bearer abc\x01\x01", "", "abc"),
        (b"n,a=a=2Cb=3D,\x01auth=bearer  abc \x01port=143\x01\x01", "a,b=", "abc"),
    ],
)
def test_an_oauthbearer_message_is_read(message: bytes, username: str, token: str) -> None:
    assert bearer.read_oauthbearer(message) == bearer.Bearer(username, token)


def test_an_xoauth2_message_is_read_and_shows_no_secret() -> None:
    read = bearer.read_xoauth2(b"user=someuser@example.com\x01auth=Bearer ya29.vF9dft4qmTc2Nvb3Rlcg\x01\x01")
    assert read == bearer.Bearer("someuser@example.com", "ya29.vF9dft4qmTc2Nvb3Rlcg")
    assert "ya29" not in repr(read)


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"n,,",
        b"n,,\x01\x01",
        b"n,,\x01auth=Bearer abc\x01",
        b"y,,\x01auth=Bearer abc\x01\x01",
        b"n,,\x01auth=Basic abc\x01\x01",
        b"n,,\x01auth=Bearer \x01\x01",
        b"n,,\x01auth=Bearer a b\x01\x01",
        b"n,,\x01auth=Bearer a\x01auth=Bearer b\x01\x01",
        b"n,a==,\x01auth=Bearer abc\x01\x01",
        b"user=\x01auth=Bearer abc\x01\x01",
        b"user=\xff\x01auth=Bearer abc\x01\x01",
        b"user=a\x01auth=Bearer \xff\x01\x01",
    ],
)
def test_a_bearer_message_of_another_shape_is_refused(message: bytes) -> None:
    for read in (bearer.read_oauthbearer, bearer.read_xoauth2):
        with pytest.raises(BadResponse):
            read(message)


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_no_bearer_message_raises_anything_else(before: bytes, behind: bytes) -> None:
    for read in (bearer.read_oauthbearer, bearer.read_xoauth2):
        try:
            read(before + b"\x01auth=Bearer " + behind + b"\x01\x01")
        except BadResponse:
            continue


@pytest.mark.parametrize("response", [b"?", b"a", b"YQ", b"Y Q==", b"\xff\xff\xff\xff", b"YQ==\0"])
def test_what_is_not_base64_is_refused(response: bytes) -> None:
    with pytest.raises(BadResponse):
        exchange.decode(response)


def test_an_equals_sign_is_an_empty_initial_response_and_a_star_cancels() -> None:
    assert exchange.initial(b"=") == b""
    assert exchange.initial(b64encode(b"x")) == b"x"
    with pytest.raises(Cancelled):
        exchange.decode(b"*")
