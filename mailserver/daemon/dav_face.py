"""Calendars and contacts: on the https listener, and on the web port under its rules for passwords."""

import secrets

from mailserver.daemon.house import House
from mailserver.daemon.scheduling_parts import SchedulingParts
from mailserver.dav.app import DavApp
from mailserver.dav.discovery import lead
from mailserver.dav.logins import Logins
from mailserver.dav.public import PublicApp
from mailserver.dav.services import SchedulingFace, Services
from mailserver.groupware.calendars.accept import accept as accept_event
from mailserver.groupware.collections import Collections
from mailserver.groupware.contacts.accept import accept as accept_contact
from mailserver.groupware.locks import Locks
from mailserver.groupware.members import Members
from mailserver.groupware.properties import Properties
from mailserver.groupware.sharing import Sharing
from mailserver.groupware.sync import Sync
from mailserver.store.collections import Family
from mailserver.web.mounts import Mounts
from mailserver.web.server import WebServer

DAV = "/dav"
PUBLIC = ("/dav/feeds", "/dav/freebusy")  # without a login, or with one of their own
WAYS_IN = ("/.well-known/caldav", "/.well-known/carddav", "/principals", "/")
MOUNTS = (DAV, *PUBLIC, *WAYS_IN)
ACCEPT = {Family.CALENDARS: accept_event, Family.ADDRESSBOOKS: accept_contact}
SECRET_OCTETS = 32


async def build(house: House, web: Mounts | None, scheduling: SchedulingParts | None = None) -> None:
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
    app = DavApp(services(house, scheduling), logins, house.metrics)
    public = PublicApp(house.store, logins, house.metrics, config.auth, config.dav)
    mounts = Mounts(MOUNTS)
    for each in filter(None, (mounts, web)):
        each.open(DAV, app)
        for name in PUBLIC:
            each.open(name, public)
        for name in WAYS_IN:
            each.open(name, lead)
        house.closing.callback(each.close)
    https = WebServer(mounts, config.web, house.clock, house.metrics, house.tls)
    house.faces.add(https, "https")
    house.take_up.extend(
        [
            lambda new: logins.reconfigure(new.auth.cache_seconds, allow_plain_auth=new.web.allow_plain_auth),
            lambda new: https.reconfigure(new.web),
            lambda new: app.configure(new.dav),
            lambda new: public.configure(new.auth, new.dav),
        ]
    )


def services(house: House, scheduling: SchedulingParts | None = None) -> Services:
    store, config = house.store, house.config.dav
    collections = Collections(store, config)
    members = Members(store, ACCEPT, None if scheduling is None else scheduling.implicit, config)
    sharing = Sharing(store, config)
    house.take_up.extend(
        [
            lambda new: collections.configure(new.dav),
            lambda new: members.configure(new.dav),
            lambda new: sharing.configure(new.dav),
        ]
    )
    return Services(
        store,
        config,
        collections,
        members,
        Properties(store),
        sharing,
        Sync(store),
        Locks(store, secrets.token_bytes),
        secrets.token_bytes,
        None if scheduling is None else SchedulingFace(scheduling.inbox, scheduling.outbox),
    )
