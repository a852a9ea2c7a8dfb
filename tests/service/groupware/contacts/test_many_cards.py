"""A thousand cards as programs write them, each with other oddities: kept octet for octet, and found."""

import random
from collections.abc import Iterator

from mailserver.config.tree import DavConfig
from mailserver.groupware.contacts.accept import accept
from mailserver.groupware.members import Members
from mailserver.store.collections import Family
from mailserver.store.store import Store
from mailserver.vcard.values import folded
from tests.service.groupware.contacts.conftest import BOOKS, book_of

CARDS = 1000
NAMES = [
    "Ann",
    "Jörg",
    "Zoë",
    "李雷",
    "Łukasz",
    "Müller-Lüdenscheidt",
    "O'Brien",
    "أحمد",
    "A" * 200,
    "e\u0301",
    "😀 Smile",
]
LINES = [
    "EMAIL:{n}@example.com",
    "email;type=INTERNET;type=HOME;type=pref:{n}@home.example",
    "item1.EMAIL;PREF=1:{n}@work.example\nitem1.X-ABLabel:_$!<Work>!$_",
    'TEL;TYPE="home,voice";VALUE=uri:tel:+1-555-{n}',
    "TEL;HOME;VOICE:+1 (555) {n}",
    'ADR;TYPE=work;LABEL="1 Main St^nTown":;;1 Main St\\, rear;Town;;{n};Country',
    "ORG:Firm\\, Sons;Sales;{n}",
    "NOTE:first\\nsecond\\; third\\, fourth \\\\ fifth {n}",
    "NOTE;LANGUAGE=de:Grüße " + "ä" * 90,
    "BDAY:1980-02-28",
    "BDAY;VALUE=text:circa 1800",
    "BDAY;X-APPLE-OMIT-YEAR=1604:1604-02-29",
    "PHOTO;ENCODING=b;TYPE=JPEG:" + "/9j/4AAQ" * 400,
    "PHOTO:data:image/png;base64," + "iVBORw0K" * 100,
    "URL:https://example.com/a;b,c?q={n}",
    "X-SOCIALPROFILE;type=twitter;x-user={n}:https://x.example/{n}",
    'X-ODD_NAME;X-P="a;b:c":kept;as\\;it,is',
    "CATEGORIES:one,two\\,three",
    "RELATED;VALUE=text:friend {n}",
    "IMPP;X-SERVICE-TYPE=Jabber:xmpp:{n}@jabber.example",
    "GEO:48.2;16.37",
    "REV:2026-03-01T12:00:00Z",
    "NICKNAME:",
    "KIND:group\nMEMBER:urn:uuid:{n}",
    "X-ADDRESSBOOKSERVER-KIND:group\nX-ADDRESSBOOKSERVER-MEMBER:urn:uuid:{n}",
]


def cards() -> Iterator[tuple[str, str, bytes]]:
    """(UID, name, octets)."""
    chance = random.Random(26)
    for number in range(CARDS):
        uid, name = f"urn:uuid:{number}/ü%20", f"{chance.choice(NAMES)} {number}"
        chosen = chance.sample(LINES, chance.randint(0, 12))
        lines = [f"UID:{uid}", f"FN:{name}", f"N:{name};;;;", *(line.format(n=number) for line in chosen)]
        chance.shuffle(lines)
        version = chance.choice(["VERSION:3.0", "VERSION:4.0", "version:3.0"])
        whole = ["BEGIN:VCARD", version, *"\n".join(lines).split("\n"), chance.choice(["END:VCARD", "end:vcard"])]
        end = chance.choice(["\r\n", "\r\n", "\n"])
        yield (
            uid,
            name,
            end.join(folded(line).removesuffix("\r\n").replace("\r\n", end) for line in whole).encode()
            + (end.encode() if chance.random() < 0.9 else b""),
        )


async def test_every_card_comes_back_as_it_was_sent_and_is_found_by_its_name(store: Store, user_id: int) -> None:
    service = Members(store, {Family.ADDRESSBOOKS: accept}, config=DavConfig())
    book = await book_of(store, user_id)
    sent = {f"{number} ü%.vcf": each for number, each in enumerate(cards())}
    for href, (_, _, data) in sent.items():
        stored = await service.put(user_id, BOOKS, book.slug, href, data)
        assert stored.data_is_as_sent
    found = await service.multiget(user_id, BOOKS, book.slug, list(sent))
    assert {href: data for href, (_, data) in found.items()} == {href: data for href, (_, _, data) in sent.items()}
    assert {href: member.uid for href, (member, _) in found.items()} == {
        href: uid for href, (uid, _, _) in sent.items()
    }
