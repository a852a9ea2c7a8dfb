"""Parameters of MAIL and RCPT."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.transaction import Body, Notify, Ret
from mailserver.smtp.wire.parameters import (
    BadParameter,
    MailParameters,
    RcptParameters,
    UnknownParameter,
    mail_parameters,
    rcpt_parameters,
)


@pytest.mark.parametrize(
    ("rest", "parameters"),
    [
        (b"", MailParameters()),
        (b"  ", MailParameters()),
        (b" SIZE=500000", MailParameters(size=500_000)),  # RFC 1870 §8
        (b" size=0", MailParameters(size=0)),
        (b" SIZE=99999999999999999999", MailParameters(size=10**20 - 1)),  # 20 digits are syntax
        (b" BODY=8BITMIME", MailParameters(body=Body.EIGHT_BIT)),
        (b" body=7bit", MailParameters()),
        (b" SMTPUTF8", MailParameters(smtputf8=True)),
        (b" RET=HDRS ENVID=QQ314159", MailParameters(ret=Ret.HDRS, envid="QQ314159")),  # RFC 3461 §10.1
        (b" AUTH=<>", MailParameters(auth="<>")),
        (b" AUTH=e+3Dmc2@example.com", MailParameters(auth="e+3Dmc2@example.com")),  # RFC 4954 §5
        (b" HOLDFOR=1 REQUIRETLS", MailParameters(hold_for=1, require_tls=True)),
        (b" HOLDFOR=999999999", MailParameters(hold_for=999_999_999)),
        (b" HOLDUNTIL=2026-03-01T12:00:00Z", MailParameters(hold_until=datetime(2026, 3, 1, 12, tzinfo=UTC))),
        (b" HOLDUNTIL=2026-03-01t14:00:00+02:00", MailParameters(hold_until=datetime(2026, 3, 1, 12, tzinfo=UTC))),
        (b"  SIZE=1   SMTPUTF8 ", MailParameters(size=1, smtputf8=True)),
    ],
)
def test_mail_parameters_become_values(rest: bytes, parameters: MailParameters) -> None:
    assert mail_parameters(rest) == parameters


@pytest.mark.parametrize(
    ("rest", "parameters"),
    [
        (b"", RcptParameters()),
        (b" NOTIFY=NEVER", RcptParameters(notify=Notify.NEVER)),
        (b" NOTIFY=SUCCESS,DELAY", RcptParameters(notify=Notify.SUCCESS | Notify.DELAY)),
        (b" NOTIFY=failure", RcptParameters(notify=Notify.FAILURE)),
        (b" ORCPT=rfc822;Bob@Example.COM", RcptParameters(orcpt="rfc822;Bob@Example.COM")),
        (b" ORCPT=rfc822;a+2Bb@x.y", RcptParameters(orcpt="rfc822;a+2Bb@x.y")),
        (" ORCPT=utf-8;δ@x.y".encode(), RcptParameters(orcpt="utf-8;δ@x.y")),
        (b" ORCPT=utf-8;\\x{3B4}@x.y", RcptParameters(orcpt="utf-8;\\x{3B4}@x.y")),
    ],
)
def test_rcpt_parameters_become_values(rest: bytes, parameters: RcptParameters) -> None:
    assert rcpt_parameters(rest) == parameters


@pytest.mark.parametrize(
    "rest",
    [
        b"SIZE=1",  # no space
        b" SIZE",
        b" SIZE=",
        b" SIZE=-1",
        b" SIZE=+1",
        b" SIZE=1_0",
        " SIZE=١".encode(),
        " SIZE=²".encode(),
        b" SIZE=" + b"9" * 21,
        b" SIZE=" + b"9" * 5000,
        b" SIZE=1 size=1",
        b" HOLDFOR=01",
        b" HOLDFOR=1.5",
        " HOLDFOR=١".encode(),
        b" HOLDUNTIL=2026-03-01",
        b" HOLDUNTIL=2026-03-01T12:00Z",
        b" HOLDUNTIL=2026-W09-7T12:00:00Z",
        b" HOLDUNTIL=2026-03-01T25:00:00Z",
        b" HOLDUNTIL=2026-03-01T12:00:00+99:00",
        b" REQUIRETLS=",
        b" BODY=BINARYMIME",  # needs an extension that is not offered
        b" BODY=",
        b" BODY",
        b" BODY=\xff",
        b" SMTPUTF8=yes",
        b" RET=ALL",
        b" RET=FULL RET=FULL",
        b" ENVID=",
        b" ENVID=a+zz",
        b" ENVID=a+2b",  # hexadecimal digits are upper case
        b" ENVID=a=b",
        b" ENVID=+0D+0ABcc:",  # would be a header field of its own
        b" ENVID=" + b"x" * 101,
        b" AUTH=",
        b" AUTH=\x80",
    ],
)
def test_impossible_mail_parameters_are_501(rest: bytes) -> None:
    with pytest.raises(BadParameter) as refusal:
        mail_parameters(rest)
    assert refusal.value.smtp == "501 5.5.4"


@pytest.mark.parametrize(
    "rest",
    [
        b" NOTIFY=",
        b" NOTIFY",
        b" NOTIFY=NEVER,SUCCESS",
        b" NOTIFY=SOMETIMES",
        b" NOTIFY=\xff",
        b" NOTIFY=NEVER NOTIFY=NEVER",
        b" ORCPT=",
        b" ORCPT=rfc822",
        b" ORCPT=rfc822;",
        b" ORCPT=rfc822;a+0Ab",
        b" ORCPT=rfc822;\xc3\xbc@x",
        b" ORCPT=utf-8;\xff",
        "  ORCPT=utf-8;a\u202eb".encode(),
        b" ORCPT=rfc822;" + b"x" * 500,
        b" ORCPT=utf-8;" + b"x" * 500,
    ],
)
def test_impossible_rcpt_parameters_are_501(rest: bytes) -> None:
    with pytest.raises(BadParameter):
        rcpt_parameters(rest)


@pytest.mark.parametrize("rest", [b" FOO", b" FOO=BAR", b" =", b" SIZE=1 X=", b" \xff", b" NOTIFY=NEVER"])
def test_unknown_parameters_are_555(rest: bytes) -> None:
    with pytest.raises(UnknownParameter) as refusal:
        mail_parameters(rest)
    assert refusal.value.smtp == "555 5.5.4"
    with pytest.raises(UnknownParameter):
        rcpt_parameters(b" SIZE=1")


def test_notify_is_written_as_it_was_read() -> None:
    assert str(Notify.SUCCESS | Notify.DELAY) == "SUCCESS,DELAY"
    assert str(Notify.NEVER) == "NEVER"


@given(st.binary(max_size=200))
def test_no_octets_raise_anything_else(octets: bytes) -> None:
    for parse in (mail_parameters, rcpt_parameters):
        try:
            parse(b" " + octets)
        except (BadParameter, UnknownParameter):
            continue
