"""An invitation from elsewhere, handed in with swaks: it is an event over CalDAV, and a PUT answers it by mail."""

import asyncio
import email
import http.client
import re
import ssl
import subprocess
from base64 import b64encode
from email.policy import default
from pathlib import Path

from tests.daemon import wait_until
from tests.e2e.served import ANN, PASSWORD, Served, furnish, served
from tests.sinks import Sink
from tests.unit.ical.itip_samples import attending, calendar, event
from tests.zone import Zone

BOSS = "boss@far.test"
CALENDAR = f"/dav/calendars/{ANN}/calendar/"


def mail(data: bytes) -> bytes:
    head = f"From: Boss <{BOSS}>\r\nTo: {ANN}\r\nSubject: Planning\r\nMessage-ID: <1@far.test>\r\nMIME-Version: 1.0\r\n"
    return f"{head}Content-Type: text/calendar; method=REQUEST; charset=utf-8\r\n\r\n".encode() + data


def swaks(house: Served, message: bytes) -> None:
    words = ["swaks", "--server", "127.0.0.1", "--port", str(house.ports["smtp"]), "--from", BOSS, "--to", ANN]
    done = subprocess.run([*words, "--data", "-"], input=message, capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout


def ask(house: Served, method: str, path: str, body: bytes = b"") -> tuple[int, bytes]:
    trust = ssl.create_default_context(cafile=str(house.folder / "tls" / "ca.pem"))
    connection = http.client.HTTPSConnection("localhost", house.ports["https"], timeout=20, context=trust)
    login = "Basic " + b64encode(f"{ANN}:{PASSWORD}".encode()).decode()
    connection.request(method, path, body, {"Authorization": login, "Content-Type": "text/calendar", "Depth": "1"})
    answer = connection.getresponse()
    said = answer.status, answer.read()
    connection.close()
    return said


def objects(house: Served) -> list[str]:
    status, listing = ask(house, "PROPFIND", CALENDAR)
    assert status == 207
    return re.findall(r"<D:href>([^<]+\.ics)</D:href>", listing.decode())


def invited_and_answering(house: Served) -> None:
    by_boss = event(attending(ANN), organizer=f"ORGANIZER;CN=Boss:mailto:{BOSS}\n", uid="theirs@far.test")
    swaks(house, mail(calendar(by_boss, method="REQUEST")))
    wait_until(lambda: len(objects(house)) == 1)
    [path] = objects(house)
    status, data = ask(house, "GET", path)
    assert status == 200
    assert b"PARTSTAT=NEEDS-ACTION" in data
    assert b"METHOD" not in data
    assert ask(house, "PUT", path, data.replace(b"NEEDS-ACTION", b"ACCEPTED"))[0] == 204


async def test_an_invitation_handed_in_with_swaks_is_accepted_over_caldav(tmp_path: Path) -> None:
    furnish(tmp_path)
    async with Zone({"far.test": {"MX": "10 mx.far.test."}}) as zone, Sink() as sink:
        zone.set("mx.far.test", "A", sink.address)
        settings: dict[str, object] = {
            "dns__servers": f'["{zone.server}"]',
            "outbound__port": sink.port,
            "outbound__ipv6": "false",
            "outbound_tls__mta_sts": "false",
        }
        with served(tmp_path, **settings) as house:
            await asyncio.to_thread(invited_and_answering, house)
            [reply] = await sink.arrived(1)
    assert reply.recipients == (BOSS,)
    message = email.message_from_bytes(reply.content, policy=default)
    assert ANN in str(message["From"])
    [answer] = [part for part in message.walk() if part.get_content_type() == "text/calendar"]
    text = bytes(answer.get_payload(decode=True))
    assert b"METHOD:REPLY" in text
    assert b"PARTSTAT=ACCEPTED" in text
