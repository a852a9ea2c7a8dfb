"""Which keys of a changed configuration a running server takes up, and which wait for its next start."""

from dataclasses import fields, is_dataclass, replace
from typing import Any

from mailserver.config.render import flat
from mailserver.config.tree import Config

# Keys, or what they begin with. Of the rest, threads, sockets, hashes and the DNS are built once, at the start.
TAKEN_UP = (
    "log.level",
    "server.shutdown_seconds",
    "tls.",
    "smtp.",
    "submission.",
    "imap.",
    "pop3.",
    "queue.",
    "delivery.",
    "outbound.port",
    "outbound.ipv6",
    "outbound.source_",
    "outbound.allow_literals",
    "dav.",
    "dkim.",
    "outbound_tls.dane",
    "outbound_tls.mta_sts",
    "outbound_tls.hold_days",
    "tls_reports.",
    "web.metrics_token_file",
    "web.max_",
    "web.allow_plain_auth",
    "bounces.",
    "contacts.",
    "scheduling.mail",
    "scheduling.invitations",
    "scheduling.max_",
    "forwarding.spam",
    "forwarding.rewrite_from",
    "forwarding.seal",
    "auth.failures_",
    "auth.window_seconds",
    "auth.block_seconds",
    "auth.cache_seconds",
    "auth.min_password_length",
    "auth.scram",
    "store.default_quota_",
    "store.purge_days",
    "store.log_days",
    "store.trash_days",
    "store.junk_days",
)


def taken_up(old: Config, new: Config) -> Config:
    """What holds from now on: the new values of the keys above, the old ones of all others."""
    merged: Config = _merged(old, new, "")
    return merged


def waiting(old: Config, new: Config) -> list[str]:
    """Changed keys that need a restart."""
    before = dict(flat(old))
    return [key for key, value in flat(new) if before[key] != value and not key.startswith(TAKEN_UP)]


def _merged(old: Any, new: Any, above: str) -> Any:
    """Branch by branch; `above`: the dotted path of this one with its dot."""
    values = {}
    for item in fields(old):
        path, before, after = above + item.name, getattr(old, item.name), getattr(new, item.name)
        if is_dataclass(before):
            values[item.name] = _merged(before, after, f"{path}.")
        else:
            values[item.name] = after if path.startswith(TAKEN_UP) else before
    return replace(old, **values)
