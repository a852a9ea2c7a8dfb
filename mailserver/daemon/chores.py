"""What becomes too old to keep: deleted accounts, finished queue entries, log rows. Looked at while serving."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import Config
from mailserver.errors import Refusal
from mailserver.store import (
    auth_log,
    bounces,
    delivery_log,
    domains,
    hidden_fields,
    queue,
    retention,
    rewritten_senders,
    sts_policies,
    suppressions,
    tls_memory,
    tls_reports,
    tls_results,
    tokens,
    users,
)
from mailserver.store.database import Tx, text_time
from mailserver.store.store import Store

INTERVAL_SECONDS = 3600.0
TLS_MEMORY_DAYS = 365  # after the last time a host was met
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Chore = Callable[[Tx, Config], int]

_log = structlog.get_logger("daemon")


async def do_chores(store: Store, config: Callable[[], Config], clock: Clock) -> None:
    """`config`: the one in force, which a reload may change."""
    while True:
        for name, chore in CHORES.items():
            try:
                done = await _do(store, chore, config())
            except Refusal as fault:  # a full or failing disk now may be well the next time
                _log.warning("chore put off", chore=name, error=fault.text)
            except Exception:  # one fault must not end the others for as long as the server runs
                _log.exception("chore failed", chore=name)
            else:
                if done:
                    _log.info(name, count=done)
        await clock.sleep(INTERVAL_SECONDS)


async def _do(store: Store, chore: Chore, config: Config) -> int:
    """In one transaction after the other, so that others get their turn."""
    total = 0
    while done := await store.write(chore, config):
        total += done
    return total


def _purge_users(tx: Tx, config: Config) -> int:
    return users.purge(tx, tx.now_ms - config.store.purge_days * 86_400_000)


def _purge_domains(tx: Tx, config: Config) -> int:
    return domains.purge(tx, tx.now_ms - config.store.purge_days * 86_400_000)


def _forget_finished(tx: Tx, config: Config) -> int:
    return queue.remove_finished(tx, tx.now_ms - int(config.queue.keep_finished_days * 86_400_000))


def _forget_logins(tx: Tx, config: Config) -> int:
    return auth_log.remove_old(tx, _days_ago(tx, config.store.log_days))


def _forget_deliveries(tx: Tx, config: Config) -> int:
    return delivery_log.remove_old(tx, _days_ago(tx, config.store.log_days))


def _forget_tokens(tx: Tx, config: Config) -> int:
    """Some time after they expired, so that the listing still tells why a device can not log in."""
    return tokens.remove_expired(tx, tx.now_ms - config.store.purge_days * 86_400_000)


def _forget_bounces(tx: Tx, config: Config) -> int:
    return bounces.remove_old(tx, tx.now_ms - config.store.log_days * 86_400_000)


def _end_suppressions(tx: Tx, config: Config) -> int:
    return suppressions.remove_expired(tx)


def _forget_senders(tx: Tx, config: Config) -> int:
    return rewritten_senders.remove_expired(tx)


def _forget_hidden_fields(tx: Tx, config: Config) -> int:
    return hidden_fields.remove_old(tx)


def _forget_policies(tx: Tx, _: Config) -> int:
    return sts_policies.remove_old(tx, tx.now_ms)


def _forget_hosts(tx: Tx, _: Config) -> int:
    return tls_memory.remove_old(tx, tx.now_ms - TLS_MEMORY_DAYS * 86_400_000)


def _forget_tls_reports(tx: Tx, config: Config) -> int:
    before_ms = tx.now_ms - config.store.log_days * 86_400_000
    return tls_results.remove_old(tx, _days_ago(tx, config.store.log_days)[:10]) + tls_reports.remove_old(tx, before_ms)


def _roll_occurrences(tx: Tx, _: Config) -> int:
    from mailserver.groupware.calendars import rolling  # calendars are read where there are any

    return rolling.roll(tx)


def _empty_trash(tx: Tx, config: Config) -> int:
    return _remove_old(tx, "\\Trash", config.store.trash_days)


def _empty_junk(tx: Tx, config: Config) -> int:
    return _remove_old(tx, "\\Junk", config.store.junk_days)


def _remove_old(tx: Tx, special_use: str, days: int) -> int:
    """0 days: what is there stays."""
    return retention.remove_old(tx, special_use, tx.now_ms // 1000 - days * 86_400) if days else 0


def _days_ago(tx: Tx, days: float) -> str:
    return text_time(EPOCH + timedelta(milliseconds=tx.now_ms, days=-days))


# what is logged → the chore; each returns how many it did away with, and is done again until that is 0
CHORES: dict[str, Chore] = {
    "deleted users purged": _purge_users,
    "deleted domains purged": _purge_domains,
    "finished queue entries forgotten": _forget_finished,
    "hidden fields forgotten": _forget_hidden_fields,
    "expired tokens forgotten": _forget_tokens,
    "old logins forgotten": _forget_logins,
    "old deliveries forgotten": _forget_deliveries,
    "old bounces forgotten": _forget_bounces,
    "suppressions ended": _end_suppressions,
    "rewritten senders forgotten": _forget_senders,
    "expired MTA-STS policies forgotten": _forget_policies,
    "hosts with TLS forgotten": _forget_hosts,
    "old TLS reports forgotten": _forget_tls_reports,
    "times of calendars looked up": _roll_occurrences,
    "old messages removed from Trash": _empty_trash,
    "old messages removed from Junk": _empty_junk,
}
