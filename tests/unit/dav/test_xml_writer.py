from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mailserver.dav import errors, xml_writer
from mailserver.dav.names import Name, caldav, dav
from mailserver.dav.xml_reader import read
from mailserver.errors import NoSuchUser, NoUidConflict, ObjectTooLarge

ODD = "a\x00\x0b\x1f\ud800\ufffe<&>\"'\r\n]]>é𝄞"


def test_text_that_xml_can_not_hold_never_breaks_a_document() -> None:
    shown = "a\ufffd\ufffd\ufffd\ufffd\ufffd<&>\"'\r\n]]>é𝄞"
    assert read(xml_writer.document(dav("a"), xml_writer.escape(ODD))).whole_text == shown
    assert (
        read(
            xml_writer.document(
                dav("a"),
                b"",
            )
        ).content
        == ()
    )


@given(st.text())
def test_any_text_and_attribute_is_read_back(text: str) -> None:
    element = xml_writer.element(dav("b"), xml_writer.escape(text), xml_writer.attribute("k", text))
    (child,) = read(xml_writer.document(dav("a"), element)).children
    kept = xml_writer.escape(text).count(b"\xef\xbf\xbd") == text.count("\ufffd")
    assert (child.whole_text == text and child.attribute("k") == text) is kept


@given(st.binary())
def test_any_stored_octets_give_a_document(data: bytes) -> None:
    root = read(xml_writer.document(dav("a"), xml_writer.escape_octets(data)))
    if all(octet >= 0x20 or octet in b"\r\n\t" for octet in data) and data.isascii():
        assert root.whole_text.encode() == data


@pytest.mark.parametrize("name", [dav("x"), caldav("x"), Name("", "x"), Name('urn:"<&', "x"), Name("urn:y", "é")])
def test_elements_of_any_namespace_can_stand_anywhere(name: Name) -> None:
    inner = xml_writer.element(name, xml_writer.element(dav("y")))
    (child,) = read(xml_writer.document(dav("a"), inner)).children
    assert (child.name, child.children[0].name) == (name, dav("y"))


def test_a_multistatus_of_each_kind_of_response() -> None:
    body = xml_writer.multistatus(
        [
            xml_writer.response("/dav/a%26b/", xml_writer.propstat(200, xml_writer.text_element(dav("x"), "1 < 2"))),
            xml_writer.status_response("/dav/c", 404),
            xml_writer.status_response("/dav/", 507, xml_writer.element(dav("y")), "cut"),
            xml_writer.sync_token("t:1:2"),
        ]
    )
    found, gone, cut, token = read(body).children
    assert [child.name.local for child in found.children] == ["href", "propstat"]
    assert found.children[1].children[1].text == "HTTP/1.1 200 OK"
    assert (gone.children[0].text, gone.children[1].text) == ("/dav/c", "HTTP/1.1 404 Not Found")
    assert [child.name.local for child in cut.children] == ["href", "status", "error", "responsedescription"]
    assert token.text == "t:1:2"


async def test_a_streamed_answer_is_the_same_in_chunks() -> None:
    pieces = [xml_writer.status_response(f"/dav/{n}", 404) for n in range(3000)]

    async def given_pieces() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    chunks = [chunk async for chunk in xml_writer.streamed(given_pieces())]
    assert b"".join(chunks) == xml_writer.multistatus(pieces)
    assert len(chunks) > 3
    assert max(map(len, chunks)) < 2 * xml_writer.CHUNK_OCTETS


def test_a_refusal_says_its_precondition_its_href_and_its_words() -> None:
    conflict, words = read(errors.body(NoUidConflict("a/b.ics"), "/dav/calendars/u@x/c/new.ics")).children
    assert conflict.name == caldav("no-uid-conflict")
    assert conflict.children[0].text == "/dav/calendars/u@x/c/a%2Fb.ics"
    assert words.text == "The UID belongs to another object of this collection"


@pytest.mark.parametrize(
    ("base", "namespace"), [("/dav/calendars/u@x/c/", "caldav"), ("/dav/addressbooks/u@x/c/", "carddav")]
)
def test_address_books_have_names_of_their_own(base: str, namespace: str) -> None:
    named = errors.precondition_of(ObjectTooLarge(), base)
    assert named is not None and named.namespace.endswith(namespace)


def test_a_refusal_without_a_precondition_has_its_words() -> None:
    assert [child.name.local for child in read(errors.body(NoSuchUser())).children] == ["responsedescription"]
