"""The house that DAV dialogues happen in: real store, services, application and server; only time is not."""

import secrets
import shutil
from contextlib import AsyncExitStack
from pathlib import Path

from mailserver.auth import new_passwords, tokens
from mailserver.auth.authenticator import Authenticator
from mailserver.auth.live_sessions import LiveSessions
from mailserver.config.tree import (
    AuthConfig,
    Config,
    DavConfig,
    ListenerConfig,
    ServerConfig,
    StoreConfig,
    TlsConfig,
    TlsMode,
    WebConfig,
)
from mailserver.daemon import dav_face
from mailserver.daemon.house import Faces, House
from mailserver.groupware.feeds import links, secret_addresses
from mailserver.metrics import Metrics
from mailserver.store import domains, free_busy_settings, profiles, users
from mailserver.store import tokens as token_rows
from mailserver.store.database import Tx
from mailserver.store.free_busy_settings import Scope, Setting
from mailserver.store.sealing import KEY_OCTETS, SealingKey
from mailserver.store.store import Store
from mailserver.tls.contexts import TlsContexts
from mailserver.web.mounts import Mounts
from mailserver.web.server import WebServer
from tests.fakes import FakeClock
from tests.schema import migrated

ANN, BEN, PASSWORD = "ann@example.test", "ben@example.test", "correct horse"
STORE = StoreConfig(min_free_bytes=0, readers=2, file_threads=2)
AUTH = AuthConfig(argon2_memory_kib=64, argon2_time_cost=1, argon2_parallelism=1)
ADDRESS = ("127.0.0.1",)
CHECK_SECONDS = 30.0


async def prepare(data: Path) -> None:
    """A data folder with two accounts, to be copied for each scene."""
    async with await Store.open(migrated(data), FakeClock(), config=STORE) as store:
        await store.write(domains.add, "example.test")
        for address in (ANN, BEN):
            new = await new_passwords.prepare(store, AUTH, address, PASSWORD, not_random)
            await store.write(users.add, address, new.hash, scram=new.scram)
        await tokens.make(store, tokens.NewToken(ANN, "Phone", ("dav",)), not_random)
        await tokens.make(store, tokens.NewToken(ANN, "Printer", ("smtp",)), lambda octets: b"p" * octets)


def not_random(octets: int) -> bytes:
    """So that the same exchanges can be written down once."""
    return b"r" * octets


class World:
    """`async with await World.open(…) as world:`"""

    def __init__(self, stack: AsyncExitStack, house: House, mounts: Mounts, port: int) -> None:
        self._stack = stack
        self.house = house
        self.store = house.store
        self.mounts = mounts
        self.port = port

    @classmethod
    async def open(cls, prepared: Path, data: Path, *, dav: DavConfig | None = None, plain: bool = True) -> "World":
        """`plain`: passwords are taken without TLS, as here."""
        shutil.copytree(prepared, data)
        async with AsyncExitStack() as stack:
            clock, metrics = FakeClock(), Metrics()
            store = await Store.open(data, clock, config=STORE)
            stack.push_async_callback(store.close)
            authenticator = await Authenticator.open(store, clock, AUTH, b"s" * 32, random=not_random, metrics=metrics)
            stack.push_async_callback(authenticator.close)
            live = LiveSessions(store)
            stack.push_async_callback(live.close)
            config = Config(
                ServerConfig("mail.example.test", data),
                auth=AUTH,
                web=WebConfig(allow_plain_auth=plain),
                dav=dav or DavConfig(),
            )
            house = House(
                config, clock, metrics, TlsContexts(TlsConfig()), store, authenticator, live, stack, [], Faces()
            )
            mounts = Mounts(dav_face.MOUNTS)
            await dav_face.build(house, mounts)
            server = WebServer(mounts, config.web, clock, metrics)
            stack.push_async_callback(server.stop, 1)
            [listener] = await server.start(ListenerConfig(0, TlsMode.NONE, addresses=ADDRESS))
            port = int(listener.sockets[0].getsockname()[1])
            return cls(stack.pop_all(), house, mounts, port)

    async def __aenter__(self) -> "World":
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    # ---- what happens beside the conversation ----

    async def wait(self, seconds: float) -> None:
        clock = self.store.clock
        assert isinstance(clock, FakeClock)
        await clock.advance(seconds)

    async def link(self, slug: str, *, busy_only: bool) -> str:
        secret = secret_addresses.make(SealingKey(bytes(KEY_OCTETS)), secrets.token_bytes)
        ann = await self.store.read(users.get, ANN)
        await self.store.write(links.create, ann.id, slug, secret, busy_only=busy_only)
        return secret.text

    async def unlink(self, number: int) -> None:
        ann = await self.store.read(users.get, ANN)
        await self.store.write(links.remove, ann.id, number)

    async def free_busy(self, address: str, scope: str) -> str:
        secret = secret_addresses.make(SealingKey(bytes(KEY_OCTETS)), secrets.token_bytes)
        user = await self.store.read(users.get, address)
        setting = Setting(Scope(scope), secret.hash, secret.sealed)
        await self.store.write(free_busy_settings.set, user.id, setting)
        return secret.text

    async def disable(self, address: str) -> None:
        await self.store.write(users.set_active, address, False)

    async def set_password(self, address: str, password: str) -> None:
        new = await new_passwords.prepare(self.store, AUTH, address, password, not_random)
        await self.store.write(users.set_password, address, new.hash, new.scram)

    async def set_profile(self, address: str, locale: str, timezone: str, name: str) -> None:
        def write(tx: Tx) -> None:
            user_id = users.get(tx, address).id
            profiles.set_locale(tx, user_id, locale)
            profiles.set_timezone(tx, user_id, timezone)
            users.set_display_name(tx, address, name)

        await self.store.write(write)

    async def remove_token(self, address: str, name: str) -> None:
        await self.store.write(token_rows.remove, address, name)
