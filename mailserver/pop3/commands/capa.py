"""CAPA: what the server can do. RFC 2449 §5."""

from mailserver.pop3.capabilities import capabilities
from mailserver.pop3.row import Row
from mailserver.pop3.session import Session
from mailserver.pop3.states import ANY
from mailserver.pop3.wire import arguments, replies


async def run(s: Session, _: None) -> None:
    s.write(replies.ok(b"Capability list follows") + replies.listing(capabilities(s.facts)) + replies.END)


ROWS = {b"CAPA": Row(arguments.nothing, run, ANY)}
