"""Calendars of other servers: fetched over the guarded client, by whoever the system trusts, on time."""

import ipaddress
from collections.abc import Sequence

from mailserver.config.tree import Config
from mailserver.daemon.dav_face import ACCEPT
from mailserver.daemon.house import House
from mailserver.dns.answers import Resolver
from mailserver.fetching.addresses import Network
from mailserver.fetching.fetcher import Fetcher
from mailserver.groupware.feeds.refreshing import Refreshing
from mailserver.store.collections import Family


def refresh(house: House, resolver: Resolver) -> None:
    fetcher = Fetcher(resolver, allowed=_networks(house.config))

    refreshing = Refreshing(house.store, fetcher.get, ACCEPT[Family.CALENDARS], house.config.dav)
    refreshing.start()
    house.closing.push_async_callback(refreshing.stop)
    house.take_up.extend(
        [
            lambda new: fetcher.reconfigure(_networks(new)),
            lambda new: refreshing.reconfigure(new.dav),
        ]
    )


def _networks(config: Config) -> Sequence[Network]:
    return [ipaddress.ip_network(network) for network in config.fetching.networks]
