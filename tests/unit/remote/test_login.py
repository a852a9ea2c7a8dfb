"""The client's side of logging in, against the server's side and against servers that cheat."""

from base64 import b64decode, b64encode

import pytest

from mailserver.auth.sasl import scram as server
from mailserver.remote import login
from mailserver.remote.login import LoginFailed, answer, choose, decoded, encoded, start
from mailserver.remote.target import Login

ANN = Login("ann", "correct horse")
RFC_7677 = Login("user", "pencil")


def test_scram_says_what_rfc_7677_prints() -> None:
    nonce = b64decode(b"rOprNGfwEbeRWgbNEkqO" + b"AAAA")  # 18 octets; the example's nonce is 20 characters
    exchange = login.scram(RFC_7677, lambda n: nonce)
    first = next(exchange)
    client_nonce = first.rpartition(b"r=")[2]
    salt, iterations = b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096
    server_nonce = client_nonce + b"%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    server_first = server.server_first(server_nonce, salt, iterations)
    final = answer(exchange, server_first)
    parsed = server.client_final(final)
    keys = server.make_keys("pencil", salt, iterations)
    message = b",".join((server.client_first(first).bare, server_first, parsed.without_proof))
    assert server.proves(keys.stored_key, message, parsed.proof)
    assert answer(exchange, server.server_final(keys, message)) == b""
    with pytest.raises(LoginFailed, match="more than there is"):
        answer(exchange, b"more")


def test_scram_names_are_escaped() -> None:
    first = next(login.scram(Login("a=b,c", "x"), lambda n: b"\0" * n))
    assert server.client_first(first).username == "a=b,c"


@pytest.mark.parametrize(
    "server_first",
    [
        b"",
        b"r=other,s=AAAA,i=4096",
        b"r=%b,s=AAAA,i=4096",  # nothing of its own
        b"r=%bx,s=AAAA,i=0",
        b"r=%bx,s=AAAA,i=999999999",
        b"r=%bx,s=A,i=4096",
        b"m=must,r=%bx,s=AAAA,i=4096",
    ],
)
def test_a_server_that_cheats_at_scram_learns_nothing(server_first: bytes) -> None:
    exchange = login.scram(ANN, lambda n: b"\1" * n)
    nonce = next(exchange).rpartition(b"r=")[2]
    with pytest.raises(LoginFailed):
        answer(exchange, server_first.replace(b"%b", nonce))


def test_a_server_that_does_not_know_the_password_is_found_out() -> None:
    exchange = login.scram(ANN, lambda n: b"\1" * n)
    nonce = next(exchange).rpartition(b"r=")[2]
    answer(exchange, server.server_first(nonce + b"x", b"salt", 4096))
    with pytest.raises(LoginFailed, match="could not show"):
        answer(exchange, b"v=AAAA")


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (("LOGIN", "PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-1"), "SCRAM-SHA-256"),
        (("LOGIN", "PLAIN"), "PLAIN"),
        (("XOAUTH2", "LOGIN"), "LOGIN"),
    ],
)
def test_the_best_mechanism_is_chosen(offered: tuple[str, ...], chosen: str) -> None:
    assert choose(offered) == chosen


def test_nothing_is_chosen_where_nothing_is_known() -> None:
    with pytest.raises(LoginFailed, match="it offers CRAM-MD5"):
        choose(("CRAM-MD5",))


def test_plain_and_login_say_name_and_password() -> None:
    exchange, speaks_first = start("PLAIN", ANN)
    assert (next(exchange), speaks_first) == (b"\0ann\0correct horse", True)
    exchange, speaks_first = start("LOGIN", ANN)
    assert (next(exchange), speaks_first) == (b"", False)
    assert [answer(exchange, b"Username:"), answer(exchange, b"Password:")] == [b"ann", b"correct horse"]


def test_challenges_are_base64_or_refused() -> None:
    assert decoded(b64encode(b"x").decode()) == b"x"
    assert encoded(b"") == b""
    for garbage in ("=", "ä", "a b", "\udcff"):
        with pytest.raises(LoginFailed):
            decoded(garbage)


def test_a_password_is_in_no_representation() -> None:
    assert "correct" not in repr(ANN)
