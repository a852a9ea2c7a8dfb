"""The commented example: every key with its default and meaning, made from the tree's own source.

`mailserver config example > mailserver.toml.example` brings the committed file up to date; a test compares them.
"""

import ast
import inspect
import io
import tokenize
from dataclasses import fields, is_dataclass
from typing import Any, cast, get_type_hints

from mailserver.config import tree
from mailserver.config.rules import Between, OneOf, rule
from mailserver.config.tree import Config, ServerConfig
from mailserver.config.values import is_optional, kind_of, required, to_toml

EXAMPLE_HOSTNAME = "mail.example.org"

_HEAD = """\
# The configuration of the mail server: every key, with its default. Only server.hostname must be given.
#
# Sizes are octets, times are seconds unless the name says otherwise. Relative paths start at this file's folder.
# The environment goes before this file: MAILSERVER__SMTP__MAX_ERRORS=5 is max_errors = 5 in [smtp].
# "mailserver config check" tells all that is wrong with a configuration, "mailserver config show" what it amounts to.
"""

_SECTIONS = {
    "tls": "The certificate of every listener; both files are read again on SIGHUP.",
    "listeners.smtp": "Mail from other servers. RFC 5321",
    "listeners.submission": "Mail from our users, STARTTLS. RFC 6409",
    "listeners.submissions": "Mail from our users, TLS from the start. RFC 8314 §3.3",
    "listeners.imap": "Reading mail, STARTTLS. RFC 3501",
    "listeners.imaps": "Reading mail, TLS from the start. RFC 8314 §3.2",
    "listeners.pop3": "Fetching mail, STLS. RFC 1939, RFC 2595",
    "listeners.pop3s": "Fetching mail, TLS from the start. RFC 8314 §3.1",
    "listeners.https": "Calendars and contacts over HTTPS. RFC 4791, RFC 6352",
    "outbound": "Sending to other servers. Relays and addresses of single domains: mailserver relay, domain source.",
    "dkim": "Signatures on mail that leaves. RFC 6376",
    "web": "HTTP: health and metrics for programs that watch the server; calendars and contacts, as https has them.",
    "submission": "What our users send.",
    "bounces": "Mail that comes back.",
    "forwarding": "Aliases with destinations at other servers.",
    "outbound_tls": "TLS to other servers: docs/outbound-tls.md.",
    "tls_reports": "Reports about TLS between servers. RFC 8460",
    "auth": "Passwords (argon2id, RFC 9106) and guessers.",
}


def example() -> str:
    """The text of mailserver.toml.example."""
    meanings = _meanings()
    config = Config(server=ServerConfig(hostname=EXAMPLE_HOSTNAME))
    lines = [*_HEAD.splitlines()]
    _section(lines, config, (), meanings)
    return "\n".join(lines).rstrip() + "\n"


def _section(lines: list[str], branch: object, above: tuple[str, ...], meanings: dict[tuple[str, str], str]) -> None:
    hints = get_type_hints(type(branch))
    inner = []
    for item in fields(cast(Any, branch)):
        value = getattr(branch, item.name)
        if is_dataclass(value):
            inner.append((item.name, value))
            continue
        path = ".".join((*above, item.name))
        comment = _comment(path, hints[item.name], meanings.get((type(branch).__name__, item.name), ""))
        lines.append(f"{item.name} = {to_toml(value)}  # {comment}")
    for name, value in inner:
        path = ".".join((*above, name))
        if not _holds_only_sections(value):
            about = _SECTIONS.get(path)
            lines += ["", *([f"# {about}"] if about else []), f"[{path}]"]
        _section(lines, value, (*above, name), meanings)


def _holds_only_sections(branch: object) -> bool:
    return all(is_dataclass(getattr(branch, item.name)) for item in fields(cast(Any, branch)))


def _comment(path: str, hint: object, meaning: str) -> str:
    """Meaning, and in brackets what is allowed where that is not plain."""
    limit = rule(path)
    allowed = ""
    if isinstance(limit, Between | OneOf):
        allowed = limit.allowed
    elif kind_of(required(hint)).name.startswith('"'):
        allowed = kind_of(required(hint)).name
    if is_optional(hint):
        meaning = meaning.replace("None:", '"":')
    return f"{meaning} ({allowed})" if allowed else meaning


def _meanings() -> dict[tuple[str, str], str]:
    """(class, field) → the comment behind the field in the tree's source."""
    source = inspect.getsource(tree)
    comments = {
        token.start[0]: token.string.partition("  # noqa")[0].lstrip("# ")
        for token in tokenize.generate_tokens(io.StringIO(source).readline)
        if token.type == tokenize.COMMENT
    }
    return {
        (cls.name, item.target.id): comments[item.lineno]
        for cls in ast.parse(source).body
        if isinstance(cls, ast.ClassDef)
        for item in cls.body
        if isinstance(item, ast.AnnAssign) and isinstance(item.target, ast.Name) and item.lineno in comments
    }
