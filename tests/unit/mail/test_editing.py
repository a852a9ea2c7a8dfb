"""Header edits at delivery, and the trace fields put on top."""

import email

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.mail.editing import HeaderBlock, field_line, is_named, is_result_of
from mailserver.mail.trace import Received, delivered_to, protocol, received, return_path

HEAD = b"Received: a\r\n b\r\nFrom: x\r\nbroken line\r\nBcc: y\r\n z\r\nReceived: c\r\nbcc : w\r\n\r\nBcc: body\r\n"


def test_parses_a_head_without_touching_the_body() -> None:
    block = HeaderBlock.parse(HEAD)
    assert HEAD[block.octets :] == b"Bcc: body\r\n"
    assert block.ended
    assert block.render() == HEAD[: block.octets]
    assert block.count(b"received") == 2
    assert block.values(b"bcc") == [b"y z", b"w"]
    assert block.has(b"from")
    assert not block.has(b"date")


def test_removes_whole_fields_and_keeps_the_rest_octet_for_octet() -> None:
    block = HeaderBlock.parse(HEAD).without(is_named(b"bcc", b"return-path"))
    assert block.render() == b"Received: a\r\n b\r\nFrom: x\r\nbroken line\r\nReceived: c\r\n\r\n"


def test_adds_fields_on_top_in_the_given_order() -> None:
    block = HeaderBlock.parse(b"A: b\r\n\r\n").with_first([b"X: 1\r\n", b"Y: 2\r\n"])
    assert block.render() == b"X: 1\r\nY: 2\r\nA: b\r\n\r\n"
    assert block.values(b"x") == [b"1"]


@pytest.mark.parametrize(
    ("head", "octets", "ended", "rendered"),
    [
        (b"", 0, False, b"\r\n"),
        (b"\r\nbody", 2, True, b"\r\n"),
        (b"body that is no header\r\n\r\n", 0, False, b"\r\n"),
        (b"A: b", 4, False, b"A: b\r\n\r\n"),
        (b"A: b\r\n", 6, False, b"A: b\r\n\r\n"),
        (b"A: b\n\nbody", 6, True, b"A: b\n\r\n"),
    ],
)
def test_a_header_is_always_rendered_with_an_empty_line(head: bytes, octets: int, ended: bool, rendered: bytes) -> None:
    block = HeaderBlock.parse(head)
    assert (block.octets, block.ended, block.render()) == (octets, ended, rendered)


@pytest.mark.parametrize(
    ("line", "forged"),
    [
        (b"Authentication-Results: mx.example.test; spf=pass\r\n", True),
        (b"authentication-results : MX.Example.Test. 1; none\r\n", True),
        (b"Authentication-Results: (a (b)) mx.example.test (c);\r\n spf=pass\r\n", True),
        (b'Authentication-Results: "mx.example.test"; none\r\n', True),
        (b"Authentication-Results:\r\n\tmx.example.test; none\r\n", True),
        (b"Authentication-Results: other.example; spf=pass smtp.helo=mx.example.test\r\n", False),
        (b"Authentication-Results: ; none\r\n", False),
        (b"ARC-Authentication-Results: i=1; mx.example.test; none\r\n", False),
        (b"X: mx.example.test\r\n", False),
    ],
)
def test_forged_results_are_those_in_our_name(line: bytes, forged: bool) -> None:
    block = HeaderBlock.parse(line + b"\r\n").without(is_result_of("mx.example.test"))
    assert (block.fields == ()) is forged


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("Subject", "hello", b"Subject: hello\r\n"),
        ("X", "ä", b"X: \xc3\xa4\r\n"),
        ("X", "a" * 100, b"X: " + b"a" * 100 + b"\r\n"),
        ("X", "a " * 50 + "b", b"X: " + b"a " * 37 + b"a\r\n " + b"a " * 12 + b"b\r\n"),
    ],
)
def test_composes_field_lines(name: str, value: str, expected: bytes) -> None:
    assert field_line(name, value) == expected


@pytest.mark.parametrize(
    ("name", "value"), [("X", "a\r\nBcc: b"), ("X", "a\nb"), ("X", "a\rb"), ("X", "a\0b"), ("X Y", "a"), ("", "a"),
                        ("X:", "a"), ("X", "a" * 999)],
)  # fmt: skip
def test_refuses_what_would_not_stay_one_field(name: str, value: str) -> None:
    with pytest.raises(ValueError, match="header"):
        field_line(name, value)


@given(st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0"), max_size=300))
def test_a_composed_field_is_one_field_with_its_value(value: str) -> None:
    line = field_line("X", value)
    assert line.endswith(b"\r\n")
    assert [field.name for field in HeaderBlock.parse(line).fields] == [b"x"]
    assert HeaderBlock.parse(line).fields[0].value == value.encode("utf-8").strip(b" \t\r\n")
    assert all(part.strip(b" ") or not value.strip(" ") for part in line.split(b"\r\n")[:-1])


HOP = Received("client.example", "192.0.2.1", None, "mx.example.test", "ESMTP", "Q1", 0)


@pytest.mark.parametrize(
    ("hop", "expected"),
    [
        (
            HOP,
            "from client.example ([192.0.2.1]) by mx.example.test with ESMTP id Q1; Thu, 01 Jan 1970 00:00:00 +0000",
        ),
        (
            Received(
                "[IPv6:2001:db8::1]", "2001:db8::1", "host.example", "mx.example.test", "ESMTPSA", "Q2", 0, 60,
                "me@example.test", ("TLSv1.3", "TLS_AES_256_GCM_SHA384"),
            ),
            "from [IPv6:2001:db8::1] (host.example [IPv6:2001:db8::1])"
            " (using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384) by mx.example.test with ESMTPSA id Q2"
            " for <me@example.test>; Thu, 01 Jan 1970 01:00:00 +0100",
        ),
        (
            Received("a\r\nBcc: b (x);", "192.0.2.1", None, "mx.example.test", "ESMTP", "Q3", 0, recipient="a\r\n@b"),
            "from a??Bcc:?b??x?? ([192.0.2.1]) by mx.example.test with ESMTP id Q3; Thu, 01 Jan 1970 00:00:00 +0000",
        ),
        (
            Received("", "192.0.2.1", None, "mx.example.test", "SMTP", "Q4", 0),
            "from unknown ([192.0.2.1]) by mx.example.test with SMTP id Q4; Thu, 01 Jan 1970 00:00:00 +0000",
        ),
    ],
)  # fmt: skip
def test_received_field(hop: Received, expected: str) -> None:
    line = received(hop)
    assert HeaderBlock.parse(line).values(b"received") == [expected.encode()]
    assert all(len(part) <= 78 for part in line.split(b"\r\n"))
    assert email.message_from_bytes(line)["Received"].replace("\r\n", "") == expected


@pytest.mark.parametrize(
    ("word", "with_"),
    [
        (protocol(extended=False), "SMTP"),
        (protocol(), "ESMTP"),
        (protocol(tls=True), "ESMTPS"),
        (protocol(authenticated=True), "ESMTPA"),
        (protocol(tls=True, authenticated=True), "ESMTPSA"),
        (protocol(utf8=True), "UTF8SMTP"),
        (protocol(utf8=True, tls=True, authenticated=True), "UTF8SMTPSA"),
    ],
)
def test_protocol_words_are_registered_ones(word: str, with_: str) -> None:
    assert word == with_


def test_delivery_fields() -> None:
    assert return_path("") == b"Return-Path: <>\r\n"
    assert return_path('"a b"@x') == b'Return-Path: <"a b"@x>\r\n'
    assert delivered_to("jörg@x") == "Delivered-To: jörg@x\r\n".encode()


@pytest.mark.parametrize("address", ["a\r\nBcc: b@c", "a\0@b", "<a@b>"])
def test_delivery_fields_refuse_what_is_no_address(address: str) -> None:
    with pytest.raises(ValueError, match="address"):
        return_path(address)
    with pytest.raises(ValueError, match="address"):
        delivered_to(address)
