"""The whole server: an invitation by mail is an event, its answer leaves as mail, and answers by mail come home."""

import asyncio
import email
from dataclasses import replace
from email.message import EmailMessage
from email.policy import default
from pathlib import Path

import httpx2
import pytest

from mailserver.auth.passwords import Hasher
from mailserver.config.tree import AuthConfig, ListenersConfig, WebConfig
from mailserver.daemon.run import Daemon
from mailserver.daemon.way_out import carrier
from mailserver.store import domains, users
from mailserver.store.database import Tx
from mailserver.store.events import CollectionChanged, Event
from tests.schema import migrated
from tests.service.test_daemon_forwarding import CLOSED, OPEN, config, hand_in
from tests.sinks import Sink
from tests.unit.ical.itip_samples import attending, calendar, event
from tests.zone import Zone

AUTH = AuthConfig(argon2_memory_kib=128, argon2_time_cost=1)
ANN, BOSS = "ann@example.test", "boss@far.example"
SECRET = "a long enough secret"
DEADLINE = 20.0
CROWD = [f"guest{number}@example.test" for number in range(21)]
NAMES = {"far.example": {"MX": "10 mx.far.example."}, "mx.far.example": {"A": "127.0.0.2"}}


def mail(data: bytes, method: str) -> bytes:
    head = f"From: Boss <{BOSS}>\r\nTo: {ANN}\r\nSubject: x\r\nMessage-ID: <1@far.example>\r\nMIME-Version: 1.0\r\n"
    return f"{head}Content-Type: text/calendar; method={method}; charset=utf-8\r\n\r\n".encode() + data


async def calendar_objects(client: httpx2.AsyncClient) -> dict[str, bytes]:
    listing = await client.request("PROPFIND", f"/dav/calendars/{ANN}/calendar/", headers={"Depth": "1"})
    assert listing.status_code == 207
    paths = [each.split("<")[0] for each in listing.text.split("href>") if each.split("<")[0].endswith(".ics")]
    return {path: (await client.get(path)).content for path in dict.fromkeys(paths)}


@pytest.fixture
def hashed() -> str:
    return Hasher(AUTH).hash_new(SECRET)


async def test_invitations_come_and_go_by_mail(tmp_path: Path, hashed: str) -> None:
    async with Zone(NAMES) as zone, Sink() as far:
        settings = replace(
            config(migrated(tmp_path / "data"), zone.port, far.port),
            web=WebConfig(port=0, allow_plain_auth=True),
            listeners=ListenersConfig(OPEN, *[CLOSED] * 7),
        )
        daemon = Daemon(settings, carrier=carrier)
        await daemon.start()
        try:
            await daemon.store.write(furnish, hashed)
            url = f"http://127.0.0.1:{daemon.ports['http']}"
            async with httpx2.AsyncClient(base_url=url, auth=(ANN, SECRET), timeout=DEADLINE) as client:
                await _invited_and_answering(daemon, client, far)
                await _inviting(daemon, client, far)
                await _inviting_many(daemon, client)
        finally:
            await daemon.stop()


async def _invited_and_answering(daemon: Daemon, client: httpx2.AsyncClient, far: Sink) -> None:
    by_boss = event(attending(ANN), organizer=f"ORGANIZER;CN=Boss:mailto:{BOSS}\n", uid="theirs@far.example")
    await hand_in(daemon.ports["smtp"], BOSS, ANN, mail(calendar(by_boss, method="REQUEST"), "REQUEST"))
    [(path, data)] = (await calendar_objects(client)).items()
    assert b"PARTSTAT=NEEDS-ACTION" in data
    accepted = data.replace(b"NEEDS-ACTION", b"ACCEPTED")
    stored = await client.put(path, content=accepted, headers={"Content-Type": "text/calendar"})
    assert stored.status_code == 204, stored.text
    reply = read((await far.arrived(1))[0].content)
    assert (ANN in str(reply["From"]), reply["To"]) == (True, f"Boss <{BOSS}>")
    assert str(reply["Subject"]).startswith("Accepted: Planning")
    [part] = [each for each in reply.walk() if each.get_content_type() == "text/calendar"]
    assert b"PARTSTAT=ACCEPTED" in part.get_payload(decode=True)
    assert (await client.delete(path, headers={"Schedule-Reply": "F"})).status_code == 204


async def _inviting(daemon: Daemon, client: httpx2.AsyncClient, far: Sink) -> None:
    changed = asyncio.Event()

    def hear(told: Event) -> None:
        if isinstance(told, CollectionChanged):
            changed.set()

    by_ann = event(attending(BOSS), organizer=f"ORGANIZER:mailto:{ANN}\n")
    path = f"/dav/calendars/{ANN}/calendar/mine.ics"
    created = await client.put(path, content=calendar(by_ann), headers={"Content-Type": "text/calendar"})
    assert created.status_code == 201, created.text
    invitation = read((await far.arrived(2))[1].content)
    assert str(invitation["Subject"]).startswith("Invitation: Planning")
    reply = event(attending(BOSS, "DECLINED"), organizer=f"ORGANIZER:mailto:{ANN}\n", stamp="20260302T080000Z")
    unsubscribe = daemon.store.subscribe(hear)
    await hand_in(daemon.ports["smtp"], BOSS, ANN, mail(calendar(reply, method="REPLY"), "REPLY"))
    async with asyncio.timeout(DEADLINE):
        await changed.wait()
    unsubscribe()
    assert b"PARTSTAT=DECLINED" in (await client.get(path)).content


async def _inviting_many(daemon: Daemon, client: httpx2.AsyncClient) -> None:
    """The guests follow after the organizer's own write."""
    reached, everybody = set[int](), asyncio.Event()

    def hear(told: Event) -> None:
        if isinstance(told, CollectionChanged):
            reached.add(told.user_id)
        if len(reached) > len(CROWD):
            everybody.set()

    large = event(*map(attending, CROWD), organizer=f"ORGANIZER:mailto:{ANN}\n", uid="large@example.test")
    path = f"/dav/calendars/{ANN}/calendar/large.ics"
    unsubscribe = daemon.store.subscribe(hear)
    created = await client.put(path, content=calendar(large), headers={"Content-Type": "text/calendar"})
    assert created.status_code == 201, created.text
    async with asyncio.timeout(DEADLINE):
        await everybody.wait()
    unsubscribe()


def read(content: bytes) -> EmailMessage:
    message = email.message_from_bytes(content, policy=default)
    assert isinstance(message, EmailMessage)
    return message


def furnish(tx: Tx, hashed: str) -> None:
    domains.add(tx, "example.test")
    users.add(tx, ANN, hashed)
    for each in CROWD:
        users.add(tx, each, hashed)
