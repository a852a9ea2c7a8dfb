"""The directory as clients find it: a book in the home, a property of the principal, cards that sync."""

from mailserver.config.tree import DirectoryScope
from mailserver.dav.names import Name, carddav, dav
from mailserver.groupware.contacts import directory
from mailserver.store import profiles, users
from tests.service.dav.house import ANN, BOB, EVE, House

HOME = f"/dav/addressbooks/{ANN}/"
BOOK = f"{HOME}directory/"
ME = f"/dav/principals/{ANN}/"
LANGUAGE = Name("http://nextcloud.com/ns", "language")
ASK = (
    '<propfind xmlns="DAV:" xmlns:C="urn:ietf:params:xml:ns:carddav"><prop><displayname/><resourcetype/><getetag/>'
    '<C:directory-gateway/><C:principal-address/><l:language xmlns:l="http://nextcloud.com/ns"/></prop></propfind>'
)


async def settle(house: House, scope: DirectoryScope = DirectoryScope.DOMAIN) -> None:
    await house.store.write(directory.settle, scope)


async def test_without_a_directory_nothing_leads_to_one(house: House) -> None:
    reply = await house.ask("PROPFIND", ME, ASK, depth="0")
    assert reply.responses[ME].names(404) == {
        carddav("directory-gateway"), carddav("principal-address"), dav("getetag"), LANGUAGE,
    }  # fmt: skip
    assert BOOK not in (await house.ask("PROPFIND", HOME, ASK, depth="1")).responses


async def test_the_principal_leads_to_the_directory_and_to_the_card_in_it(house: House) -> None:
    await house.store.write(profiles.set_locale, house.users[ANN].user_id, "de-AT")
    await settle(house)
    found = (await house.ask("PROPFIND", ME, ASK, depth="0")).responses[ME]
    assert found.text(carddav("directory-gateway")) == BOOK
    assert found.text(LANGUAGE) == "de-AT"
    card = await house.ask("GET", found.text(carddav("principal-address")))
    assert card.status == 200
    assert f"EMAIL;TYPE=INTERNET:{ANN}\r\n".encode() in card.body
    assert b"FN:Ann <Example>\r\n" in card.body


async def test_everybody_of_the_domain_sees_the_same_cards(house: House) -> None:
    await settle(house)
    mine = (await house.ask("PROPFIND", BOOK, ASK, depth="1")).responses
    assert len(mine) == 3  # the book, Ann and Bob
    assert {child.name for child in mine[BOOK].properties[200][dav("resourcetype")].children} == {
        dav("collection"), carddav("addressbook"), carddav("directory"),
    }  # fmt: skip
    his = (await house.ask("PROPFIND", BOOK.replace(ANN, BOB), ASK, BOB, depth="1")).responses
    assert len(his) == 3
    hers = (await house.ask("PROPFIND", BOOK.replace(ANN, EVE), ASK, EVE, depth="1")).responses
    assert len(hers) == 2  # of another domain: herself


async def test_nobody_writes_to_it(house: House) -> None:
    await settle(house)
    for user in (ANN, BOB):
        book = BOOK.replace(ANN, user)
        assert (await house.ask("PUT", f"{book}x.vcf", "BEGIN:VCARD UID:x END:VCARD", user)).status == 403
        cards = [each for each in (await house.ask("PROPFIND", book, ASK, user, depth="1")).responses if each != book]
        assert {(await house.ask("DELETE", card, user=user)).status for card in cards} == {403}


async def test_it_syncs(house: House) -> None:
    await settle(house)
    ask = '<sync-collection xmlns="DAV:"><sync-token>{}</sync-token><sync-level>1</sync-level><prop><getetag/></prop></sync-collection>'  # noqa: E501
    first = await house.ask("REPORT", BOOK, ask.format(""))
    assert len(first.responses) == 2
    await settle(house)
    assert (await house.ask("REPORT", BOOK, ask.format(first.token))).responses == {}
    await house.store.write(users.set_display_name, BOB, "Robert")
    await settle(house)
    second = await house.ask("REPORT", BOOK, ask.format(first.token))
    assert list(second.responses) == [f"{BOOK}{directory.href_of(BOB)}"]
    await house.store.write(users.remove, BOB)
    await settle(house)
    third = await house.ask("REPORT", BOOK, ask.format(second.token))
    assert {path: each.status for path, each in third.responses.items()} == {f"{BOOK}{directory.href_of(BOB)}": 404}
