"""IMAP and POP3: our users read their mail."""

from mailserver.daemon.house import House
from mailserver.imap.server import ImapServer
from mailserver.mailboxes.service import Mailboxes
from mailserver.pop3.server import Pop3Server


def build(house: House, mailboxes: Mailboxes) -> None:
    config = house.config
    around = house.authenticator, house.live, house.clock, house.tls, house.metrics
    imap = ImapServer(config.imap, config.server.hostname, house.store, mailboxes, *around)
    house.faces.add(imap, "imap", "imaps")
    pop3 = Pop3Server(config.pop3, mailboxes, *around)
    house.faces.add(pop3, "pop3", "pop3s")
    house.take_up.extend([lambda new: imap.reconfigure(new.imap), lambda new: pop3.reconfigure(new.pop3)])
