"""COMPRESS: everything behind the OK is deflated, in both directions. RFC 4978."""

from mailserver.errors import Refusal
from mailserver.imap.row import Row
from mailserver.imap.session import Session
from mailserver.imap.states import AUTHENTICATED
from mailserver.imap.wire.reader import BadSyntax, Reader


class CompressionActive(Refusal):
    imap, text = "COMPRESSIONACTIVE", "DEFLATE is active already"


def parse(r: Reader) -> None:
    """compress = "COMPRESS" SP algorithm, of which there is one."""
    r.sp()
    algorithm = r.word()
    r.end()
    if algorithm != "DEFLATE":
        raise BadSyntax("Unknown algorithm; DEFLATE is known")


async def run(s: Session, _: None) -> bytes:
    """The session answers OK in clear and deflates what comes after it, see Session.compress."""
    if s.connection.compressed:
        raise CompressionActive
    s.compress_after_reply = True
    return b"DEFLATE active"


ROWS = {"COMPRESS": Row(parse, run, AUTHENTICATED, capability=b"COMPRESS=DEFLATE")}
