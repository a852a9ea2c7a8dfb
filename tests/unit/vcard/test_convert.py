"""Cards of one version shown as the other, of 2.1 taken by imports, and parts of cards."""

from dataclasses import replace

import pytest
import vobject  # type: ignore[import-untyped]

from mailserver.vcard.check import checked
from mailserver.vcard.convert import as_version
from mailserver.vcard.lines import BadCard, read
from mailserver.vcard.old import as_version_3
from mailserver.vcard.subset import Asked, subset
from tests.unit.vcard import samples


def converted(card: bytes, version: str) -> set[str]:
    return set(as_version(read(card), version).decode().replace("\r\n ", "").split("\r\n"))


def test_a_card_of_3_as_4() -> None:
    assert converted(samples.IOS, "4.0") >= {
        "VERSION:4.0",
        "item1.EMAIL;PREF=1:jane@example.com",
        "TEL;TYPE=CELL,VOICE;PREF=1:+1 (555) 010-0100",
        "BDAY:--0412",
        "PHOTO:data:image/jpeg;base64,/9j/4AAQSkZJRgABAQAASABIAAD/4QBMRXhpZgAATU0AKgAAAAgAAYdpAAQAAAABAAAAGgAAAAA=",
        "X-SOCIALPROFILE;TYPE=twitter;X-USER=jane:http://twitter.com/jane",
        "item1.X-ABLABEL:_$!<Other>!$_",
    }
    assert "KIND:group" in converted(samples.APPLE_GROUP, "4.0")


def test_a_card_of_4_as_3() -> None:
    assert converted(samples.RFC_6350, "3.0") >= {
        "VERSION:3.0",
        "BDAY;X-APPLE-OMIT-YEAR=1604:1604-02-03",
        "X-ANNIVERSARY:2009-08-08T1430-0500",
        "X-GENDER:M",
        "TEL;TYPE=work,voice,pref:+1-418-656-9254;ext=102",
        "GEO;TYPE=work:46.772673;-71.282945",
    }
    assert converted(samples.GROUP_4, "3.0") >= {
        "N:The Doe family;;;;",
        "X-ADDRESSBOOKSERVER-KIND:group",
        "X-ADDRESSBOOKSERVER-MEMBER:mailto:subscriber1@example.com",
    }
    assert "PHOTO;ENCODING=b;TYPE=PNG:iVBORw0KGgo=" in converted(samples.NEXTCLOUD, "3.0")


@pytest.mark.parametrize("card", samples.ACCEPTED)
@pytest.mark.parametrize("version", ["3.0", "4.0"])
def test_nothing_that_is_searched_changes_with_the_version(card: bytes, version: str) -> None:
    before, after = checked(card), checked(as_version(read(card), version))
    assert replace(after.fields, family_name=before.fields.family_name) == before.fields  # N is wanted in 3.0
    assert after.card.version == version


@pytest.mark.parametrize("card", samples.ACCEPTED)
def test_there_and_back_keeps_every_value(card: bytes) -> None:
    other = "4.0" if read(card).version == "3.0" else "3.0"
    back = as_version(read(as_version(read(card), other)), read(card).version)
    names = {line.name for line in read(card).lines}
    assert names <= {line.name for line in read(back).lines}
    assert [line.value for line in read(back).named("PHOTO")] == [line.value for line in read(card).named("PHOTO")]


def test_a_card_of_2_1_is_imported_as_3() -> None:
    taken = as_version_3(samples.OUTLOOK_21, "new-uid")
    found = checked(taken)
    assert found.fields.uid == "new-uid"
    assert (found.fields.full_name, found.fields.family_name) == ("Jörg Müller", "Müller")
    assert found.fields.organization == "Firma, die baut, Abteilung"
    lines = taken.decode().replace("\r\n ", "").split("\r\n")
    assert "ADR;TYPE=WORK,PREF:;;Straße 1\\n2. Stock;Berlin;;10115;Deutschland" in lines
    assert "PHOTO;TYPE=JPEG;ENCODING=b:/9j/4AAQSkZJRgABAQAASABIAAD/4QBMRXhpZgAATU0AKgAAAAg=" in lines


def test_a_card_of_2_1_without_a_full_name_gets_one() -> None:
    taken = as_version_3(b"BEGIN:VCARD\nVERSION:2.1\nN:Doe;Jane\nUID:own\nEND:VCARD\n", "new-uid")
    assert checked(taken).fields.full_name == "Jane Doe"
    assert checked(taken).fields.uid == "own"


@pytest.mark.parametrize(
    ("lines", "kept"),
    [
        ("PHOTO;ENCODING=BASE64;JPEG:QUJDRA", "PHOTO;TYPE=JPEG;ENCODING=b:QUJDRA=="),  # no padding
        ("PHOTO;ENCODING=BASE64:QUJDREU\nR", "PHOTO;ENCODING=b:QUJDREUR"),  # lines that are not indented
        ("PHOTO;ENCODING=BASE64:QUJD\n REVG!R\n", "PHOTO;ENCODING=b:QUJDREVG"),  # one letter too many
        ("PHOTO;BASE64:QUJDRA==QUJD", "PHOTO;ENCODING=b:QUJDRA=="),  # two in one
        ("LOGO;ENCODING=B:????", None),
        ("PHOTO;ENCODING=BASE64:\xfc", None),
    ],
)
def test_a_picture_that_broke_off_costs_no_card_the_rest_of_it(lines: str, kept: str | None) -> None:
    card = f"BEGIN:VCARD\nVERSION:2.1\nN:Doe;Jo\n{lines}\nTEL;HOME:1\nEND:VCARD\n"
    taken = as_version_3(card.encode(), "uid").decode().split("\r\n")
    assert checked("\r\n".join(taken).encode()).fields.phones == ("1",)
    assert [line for line in taken if line.startswith(("PHOTO", "LOGO"))] == ([kept] if kept else [])


@pytest.mark.parametrize(
    "card", [b"", b"x", b"BEGIN:VCARD\nVERSION:2.1\nN:x\n", b"BEGIN:VCARD\nno line\nEND:VCARD\n", b"BEGIN:X\nEND:X\n"]
)
def test_what_is_no_card_of_2_1_is_refused(card: bytes) -> None:
    with pytest.raises(BadCard):
        as_version_3(card, "uid")


@pytest.mark.parametrize("card", [samples.RFC_2426, samples.IOS, samples.APPLE_GROUP])
def test_another_reader_finds_the_same(card: bytes) -> None:
    ours, theirs = checked(card).fields, vobject.readOne(card.decode())
    assert ours.full_name == theirs.fn.value
    assert set(ours.emails) == {line.value for line in theirs.contents.get("email", [])}
    assert set(ours.phones) == {line.value for line in theirs.contents.get("tel", [])}
    assert ours.uid == theirs.uid.value


@pytest.mark.parametrize("card", samples.ACCEPTED)
@pytest.mark.parametrize("version", ["3.0", "4.0"])
def test_another_reader_reads_what_was_converted(card: bytes, version: str) -> None:
    theirs = vobject.readOne(as_version(read(card), version).decode())
    assert theirs.fn.value == checked(card).fields.full_name


def test_properties_that_were_asked_for_come_as_they_are_written() -> None:
    parts = subset(samples.IOS, [Asked("EMAIL"), Asked("PHOTO", novalue=True), Asked("ITEM3.X-ABLABEL")])
    assert parts == (
        b"BEGIN:VCARD\r\nVERSION:3.0\r\n"
        b"item1.EMAIL;type=INTERNET;type=pref:jane@example.com\r\n"
        b"EMAIL;type=INTERNET;type=HOME:jd@home.example\r\n"
        b"item3.X-ABLabel:_$!<Anniversary>!$_\r\n"
        b"PHOTO;ENCODING=b;TYPE=JPEG:\r\n"
        b"END:VCARD\r\n"
    )


def test_a_folded_property_comes_whole() -> None:
    assert b"PHOTO;ENCODING=b;TYPE=JPEG:/9j/" in subset(samples.IOS, [Asked("PHOTO")])
    assert b"\r\n gAAYdp" in subset(samples.IOS, [Asked("PHOTO")])
