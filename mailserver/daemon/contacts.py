"""What the server adds to contacts: the people one writes to, birthdays, the directory of accounts."""

from mailserver.daemon.dav_face import ACCEPT
from mailserver.daemon.house import House
from mailserver.groupware.contacts.collecting import Collecting
from mailserver.groupware.contacts.keeping import Keeping
from mailserver.store.collections import Family


def collecting(house: House) -> Collecting:
    """For submission."""
    collector = Collecting(house.config.contacts.collect)
    house.take_up.append(lambda new: collector.configure(new.contacts))
    return collector


async def keep(house: House) -> None:
    keeping = Keeping(house.store, house.config.contacts, ACCEPT[Family.CALENDARS])
    await keeping.start()
    house.closing.push_async_callback(keeping.stop)
    house.take_up.append(lambda new: keeping.reconfigure(new.contacts))
