"""Arguments, replies, SASL lines and response codes."""

import contextlib
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.errors import (
    AuthenticationDelayed,
    AuthenticationFailed,
    InsufficientStorage,
    PrivacyRequired,
    Refusal,
    Unavailable,
)
from mailserver.pop3.capabilities import Facts, capabilities
from mailserver.pop3.commands.login import parse_auth
from mailserver.pop3.refusals import MaildropInUse, NoSuchMessage, code_of
from mailserver.pop3.states import State
from mailserver.pop3.wire import arguments, replies
from mailserver.pop3.wire.arguments import BadSyntax


@pytest.mark.parametrize(
    ("octets", "value"), [(b"1", 1), (b"007", 7), (b" 2 ", 2), (b"0", 0), (b"4294967296", 4294967296)]
)
def test_numbers(octets: bytes, value: int) -> None:
    assert arguments.number(octets) == arguments.number_or_nothing(octets) == value
    assert arguments.number_and_lines(octets + b" 5") == (value, 5)


@pytest.mark.parametrize("octets", [b"-1", b"+1", b"1 2", b"1.0", b"x", b"1_0", "١".encode(), b"12345678901", b"\0"])
def test_what_is_no_number_is_refused(octets: bytes) -> None:
    with pytest.raises(BadSyntax):
        arguments.number_or_nothing(octets)


def test_arguments_that_may_be_left_out() -> None:
    assert arguments.number_or_nothing(b"") is None
    assert arguments.number_or_nothing(b"  ") is None
    arguments.nothing(b" ")
    with pytest.raises(BadSyntax):
        arguments.nothing(b"x")
    with pytest.raises(BadSyntax):
        arguments.text(b"")
    assert arguments.text(b" two words ") == " two words ", "all of it belongs to a password"
    assert arguments.text(b"\xff") == "\0", "can not be right"


PARSERS = (arguments.number, arguments.number_or_nothing, arguments.number_and_lines, arguments.text, parse_auth)


@given(st.sampled_from(PARSERS), st.binary(max_size=60))
def test_any_argument_is_a_value_or_bad_syntax(parse: Callable[[bytes], object], octets: bytes) -> None:
    with contextlib.suppress(BadSyntax):
        parse(octets)


def test_replies_are_one_line_of_ascii() -> None:
    assert replies.ok() == b"+OK\r\n"
    assert replies.ok(b"done") == b"+OK done\r\n"
    assert replies.err("Größe", "SYS/TEMP") == b"-ERR [SYS/TEMP] Gr??e\r\n"
    assert replies.listing([b"1 2", b"2 3"]) == b"1 2\r\n2 3\r\n"


@pytest.mark.parametrize(
    ("refusal", "code"),
    [
        (AuthenticationFailed(), "AUTH"),
        (AuthenticationDelayed(), "SYS/TEMP"),
        (PrivacyRequired(), "SYS/PERM"),
        (MaildropInUse(), "IN-USE"),
        (Unavailable(), "SYS/TEMP"),
        (InsufficientStorage(), "SYS/TEMP"),
        (NoSuchMessage(), None),
    ],
)
def test_response_codes(refusal: Refusal, code: str | None) -> None:
    assert code_of(refusal) == code


def test_capabilities_say_what_would_work() -> None:
    clear = Facts(State.AUTHORIZATION, may_log_in=False, offers_tls=True, mechanisms=("PLAIN",))
    assert capabilities(clear)[0] == b"STLS"
    assert not {b"USER", b"SASL PLAIN"} & {*capabilities(clear)}
    secure = Facts(State.AUTHORIZATION, may_log_in=True, offers_tls=False, mechanisms=("PLAIN", "X"))
    assert capabilities(secure)[:2] == [b"USER", b"SASL PLAIN X"]
    inside = Facts(State.TRANSACTION, may_log_in=True, offers_tls=True, mechanisms=("PLAIN",))
    assert capabilities(inside)[0] == b"TOP"
