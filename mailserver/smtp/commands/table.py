"""Every command with what must be true before it runs. An extension is a file and a row."""

from collections.abc import Mapping

from mailserver.smtp.commands import auth, content, envelope, hello, other
from mailserver.smtp.session import Command

COMMANDS: Mapping[bytes, Command] = {
    b"HELO": Command(hello.helo, idle=True),
    b"EHLO": Command(hello.ehlo, idle=True),
    b"STARTTLS": Command(hello.starttls),
    b"AUTH": Command(auth.auth, greeted=True),
    b"MAIL": Command(envelope.mail, greeted=True, login=True),
    b"RCPT": Command(envelope.rcpt, greeted=True, login=True),
    b"DATA": Command(content.data, greeted=True, login=True),
    b"BDAT": Command(content.bdat),  # looks for itself: its octets must be taken in any case
    b"RSET": Command(envelope.rset, idle=True),
    b"NOOP": Command(other.noop, idle=True),
    b"VRFY": Command(other.vrfy, idle=True),
    b"EXPN": Command(other.expn, idle=True),
    b"HELP": Command(other.help_, idle=True),
    b"QUIT": Command(other.quit_),
}
