"""Base subjects, RFC 5256 §2.1, and message ids."""

import pytest

from mailserver.mail.message_ids import MAX_REFERENCES, message_id, message_ids
from mailserver.mail.subjects import base_subject


@pytest.mark.parametrize(
    ("subject", "expected"),
    [
        ("Hello", "Hello"),
        ("Re: Hello", "Hello"),
        ("RE: re: Fw: FWD: Hello", "Hello"),
        ("Re : Hello", "Hello"),
        ("Re[2]: Hello", "Hello"),
        ("Re [2] : Hello", "Hello"),
        ("[list] Re: [list] Hello", "Hello"),
        ("[list] Hello", "Hello"),
        ("[a][b] [c]Hello", "Hello"),
        ("[a] [only a blob]", "[only a blob]"),
        ("[list]", "[list]"),
        ("Re: [list]", "[list]"),
        ("Hello (fwd)", "Hello"),
        ("Hello (FWD) (fwd)  ", "Hello"),
        ("(fwd)", ""),
        ("[fwd: Hello]", "Hello"),
        ("[Fwd: Re: [x] Hello (fwd)]", "Hello"),
        ("Re: [fwd: [fwd: a] (fwd)]", "a"),
        ("  Hello \t  there ", "Hello there"),
        ("Re:", ""),
        ("", ""),
        ("Reply: x", "Reply: x"),
        ("Re Hello", "Re Hello"),
        ("[open Re: x", "[open Re: x"),
        ("[a[b]] x", "[a[b]] x"),
        ("AW: Hallo", "AW: Hallo"),  # only the RFC's words
    ],
)
def test_base_subject(subject: str, expected: str) -> None:
    assert base_subject(subject) == expected


@pytest.mark.parametrize(
    ("field", "expected"),
    [
        (b"<a@b>", ("a@b",)),
        (b"<a@b> <c@d>\t<a@b>", ("a@b", "c@d")),
        (b"< a@b >", ("a@b",)),
        (b"<a@b><c@d>", ("a@b", "c@d")),
        (b'Your message of Monday <a@b>, "x" <c@d> (comment)', ("a@b", "c@d")),
        (b"<no at sign>, <noatsign>", ("noatsign",)),
        (b"<<a@b>>", ("a@b",)),
        (b"<open", ()),
        ("<ä@b>".encode(), ("ä@b",)),
        (b"<\xe4@b>", ("\ufffd@b",)),
        (b"", ()),
    ],
)
def test_message_ids(field: bytes, expected: tuple[str, ...]) -> None:
    assert message_ids(field) == expected


def test_of_too_many_ids_the_root_and_the_last_stay() -> None:
    found = message_ids(b" ".join(b"<%d@x>" % number for number in range(1000)))
    assert len(found) == MAX_REFERENCES
    assert (found[0], found[1], found[-1]) == ("0@x", f"{1001 - MAX_REFERENCES}@x", "999@x")


@pytest.mark.parametrize(
    ("field", "expected"),
    [(b" <a@b> <c@d>", "a@b"), (b"a@b", "a@b"), (b"nothing here", ""), (b"", ""), (b'"a" <b@c>', "b@c")],
)
def test_first_message_id(field: bytes, expected: str) -> None:
    assert message_id(field) == expected
