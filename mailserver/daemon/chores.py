"""What becomes too old to keep: deleted accounts, finished queue entries. Looked at now and then while serving."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from mailserver.clock import Clock
from mailserver.config.tree import Config
from mailserver.errors import Refusal
from mailserver.store import domains, queue, users
from mailserver.store.database import Tx, text_time
from mailserver.store.store import Store

INTERVAL_SECONDS = 3600.0
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

_log = structlog.get_logger("daemon")


async def do_chores(store: Store, config: Config, clock: Clock) -> None:
    while True:
        for name, chore in CHORES.items():
            try:
                done = await store.write(chore, config)
            except Refusal as fault:  # a full or failing disk now may be well the next time
                _log.warning("chore put off", chore=name, error=fault.text)
            else:
                if done:
                    _log.info(name, count=done)
        await clock.sleep(INTERVAL_SECONDS)


def _purge_users(tx: Tx, config: Config) -> int:
    return users.purge(tx, tx.now_ms - config.store.purge_days * 86_400_000)


def _purge_domains(tx: Tx, config: Config) -> int:
    return domains.purge(tx, tx.now_ms - config.store.purge_days * 86_400_000)


def _forget_finished(tx: Tx, config: Config) -> int:
    before = timedelta(milliseconds=tx.now_ms, days=-config.queue.keep_finished_days)
    return queue.remove_finished(tx, text_time(EPOCH + before))


# what is logged → the chore; each returns how many it did away with
CHORES: dict[str, Callable[[Tx, Config], int]] = {
    "deleted users purged": _purge_users,
    "deleted domains purged": _purge_domains,
    "finished queue entries forgotten": _forget_finished,
}
