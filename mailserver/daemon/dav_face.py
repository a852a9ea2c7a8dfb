"""Calendars and contacts: on the https listener, and on the web port under its rules for passwords."""

import secrets

from mailserver.daemon.house import House
from mailserver.dav.app import DavApp
from mailserver.dav.discovery import lead
from mailserver.dav.logins import Logins
from mailserver.dav.services import Services
from mailserver.web.mounts import Mounts
from mailserver.web.server import WebServer

DAV = "/dav"
WAYS_IN = ("/.well-known/caldav", "/.well-known/carddav", "/principals", "/")
MOUNTS = (DAV, *WAYS_IN)
SECRET_OCTETS = 32


async def build(house: House, web: Mounts | None) -> None:
    """`web`: what the web port serves; None where it is closed."""
    config = house.config
    logins = Logins(
        house.store,
        house.authenticator,
        secrets.token_bytes(SECRET_OCTETS),
        config.auth.cache_seconds,
        allow_plain_auth=config.web.allow_plain_auth,
    )
    house.closing.push_async_callback(logins.close)
    app = DavApp(services(house), logins, house.metrics)
    mounts = Mounts(MOUNTS)
    for each in filter(None, (mounts, web)):
        each.open(DAV, app)
        for name in WAYS_IN:
            each.open(name, lead)
        house.closing.callback(each.close)
    https = WebServer(mounts, config.web, house.clock, house.metrics, house.tls)
    house.faces.add(https, "https")
    house.take_up.extend(
        [
            lambda new: logins.reconfigure(new.auth.cache_seconds, allow_plain_auth=new.web.allow_plain_auth),
            lambda new: https.reconfigure(new.web),
        ]
    )


def services(house: House) -> Services:
    return Services(house.store)
