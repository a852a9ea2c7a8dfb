"""The DAV face over a real store, spoken to as its application: for what a user or client sees of properties."""

from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any

from mailserver.auth.account import Account
from mailserver.config.tree import DavConfig
from mailserver.dav import resources
from mailserver.dav.app import DavApp
from mailserver.dav.names import Name, dav
from mailserver.dav.resources import MemberRef
from mailserver.dav.services import Services
from mailserver.dav.xml_reader import Element, read
from mailserver.groupware.accepted import Accepted
from mailserver.groupware.collections import Collections
from mailserver.groupware.locks import Locks
from mailserver.groupware.members import Members
from mailserver.groupware.properties import Properties
from mailserver.groupware.sharing import Sharing
from mailserver.groupware.sync import Sync
from mailserver.groupware.wanted import NewCollection
from mailserver.metrics import Metrics
from mailserver.store import domains, users
from mailserver.store.collections import Collection, Family
from mailserver.store.store import Store

ANN, BOB, EVE = "ann@x.example", "bob@x.example", "eve@other.example"
HASH = "$argon2id$v=19$m=8,t=1,p=1$c2FsdHNhbHQ$aGFzaGhhc2hoYXNoaGFzaA"


@dataclass(frozen=True, slots=True)
class Reply:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def xml(self) -> Element:
        return read(self.body)

    @property
    def responses(self) -> "dict[str, Found]":
        return {found.href: found for found in map(_found, self.xml.all(dav("response")))}

    @property
    def token(self) -> str:
        token = self.xml.find(dav("sync-token"))
        assert token is not None
        return token.text

    @property
    def error(self) -> list[Name]:
        assert self.xml.name == dav("error")
        return [child.name for child in self.xml.children if child.name != dav("responsedescription")]


@dataclass(frozen=True, slots=True)
class Found:
    href: str
    status: int | None  # of the whole resource
    properties: dict[int, dict[Name, Element]]  # by status

    def text(self, name: Name) -> str:
        """All text inside, that of hrefs included."""
        return _text(self.properties[200][name])

    def names(self, status: int = 200) -> set[Name]:
        return set(self.properties.get(status, {}))


class House:
    def __init__(self, store: Store, config: DavConfig) -> None:
        self.store = store
        self.services = Services(
            store,
            config,
            Collections(store, config),
            Members(store, {Family.CALENDARS: _event, Family.ADDRESSBOOKS: _card}, config=config),
            Properties(store),
            Sharing(store, config),
            Sync(store),
            Locks(store, bytes),
        )
        self.users: dict[str, Account] = {}
        self._app = DavApp(self.services, _Doorman(self.users), Metrics(), lambda: 0.0)  # type: ignore[arg-type]

    @classmethod
    async def furnished(cls, store: Store) -> "House":
        """Ann, with a calendar "work" and a book "people"; Bob of the same domain; Eve of another one."""
        house = cls(store, DavConfig())
        ann = await house.add_user(ANN, "Ann <Example>")
        await house.add_user(BOB, "Bob B. Beta")
        await house.add_user(EVE)
        work = NewCollection("Work & Play", color="#FF0000FF", position=3)
        await house.services.collections.create(ann.user_id, Family.CALENDARS, "work", work)
        await house.services.collections.create(ann.user_id, Family.ADDRESSBOOKS, "people", NewCollection("People"))
        return house

    async def add_user(self, address: str, name: str = "") -> Account:
        user = await self.store.write(_added, address, name)
        self.users[address] = Account(user, address, name, is_admin=False)
        return self.users[address]

    async def put(self, path: str, data: str | None = None, user: str = ANN) -> None:
        """One member, as it is stored by PUT."""
        found = resources.parse(path)
        assert isinstance(found, MemberRef)
        octets = (data or f"BEGIN:VCALENDAR UID:{found.href} END:VCALENDAR").encode()
        viewer = self.users[user].user_id
        await self.services.members.put(viewer, found.family, found.slug, found.href, octets)

    async def remove(self, path: str) -> None:
        found = resources.parse(path)
        assert isinstance(found, MemberRef)
        await self.services.members.remove(self.users[ANN].user_id, found.family, found.slug, found.href)

    async def ask(self, method: str, path: str, body: bytes | str = b"", user: str = ANN, **headers: str) -> Reply:
        """`headers`: with "_" for "-"."""
        octets = body.encode() if isinstance(body, str) else body
        given = {"authorization": user, "host": "mail.x.example", "content-length": str(len(octets)), **headers}
        scope = {
            "type": "http",
            "method": method,
            "scheme": "https",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "client": ("192.0.2.1", 1),
            "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in given.items()],
        }
        sent: list[MutableMapping[str, Any]] = []
        receive, send = _receiver(octets), _sender(sent)
        await self._app(scope, receive, send)
        start, *rest = sent
        told = {name.decode(): value.decode() for name, value in start["headers"]}
        return Reply(start["status"], told, b"".join(each.get("body", b"") for each in rest))


class _Doorman:
    """Lets in whoever says who he is."""

    def __init__(self, users: dict[str, Account]) -> None:
        self._users = users

    async def log_in(self, authorization: str | None, peer: str, *, private: bool) -> Account:
        del peer, private
        return self._users[authorization or ""]


def _receiver(octets: bytes) -> Callable[[], Awaitable[MutableMapping[str, Any]]]:
    async def receive() -> MutableMapping[str, Any]:
        return {"type": "http.request", "body": octets, "more_body": False}

    return receive


def _sender(sent: list[MutableMapping[str, Any]]) -> Callable[[MutableMapping[str, Any]], Awaitable[None]]:
    async def send(message: MutableMapping[str, Any]) -> None:
        sent.append(message)

    return send


def _event(data: bytes, collection: Collection) -> Accepted:
    del collection
    return Accepted(data.decode().split("UID:")[1].split()[0], "VTODO" if b"VTODO" in data else "VEVENT")


def _card(data: bytes, collection: Collection) -> Accepted:
    del collection
    return Accepted(data.decode().split("UID:")[1].split()[0], "VCARD")


def _added(tx: Any, address: str, name: str) -> int:
    domain = address.rpartition("@")[2]
    if domains.find(tx, domain) is None:
        domains.add(tx, domain)
    return users.add(tx, address, HASH, display_name=name).id


def _text(element: Element) -> str:
    return "".join(part if isinstance(part, str) else _text(part) for part in element.content)


def _found(response: Element) -> Found:
    href, status = response.find(dav("href")), response.find(dav("status"))
    assert href is not None
    properties: dict[int, dict[Name, Element]] = {}
    for each in response.all(dav("propstat")):
        prop, code = each.find(dav("prop")), each.find(dav("status"))
        assert prop is not None and code is not None
        properties.setdefault(int(code.text.split()[1]), {}).update({child.name: child for child in prop.children})
    return Found(href.text, int(status.text.split()[1]) if status else None, properties)
