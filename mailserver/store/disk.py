"""The disk side of a transaction: Maildir, staging, and the jobs that commits promised.

Files that are only linked, moved or removed follow their commit on a thread of their own, in the order of the
commits: the answer does not wait for a thousand renames. Whoever misses a file waits for that thread and looks
again (Maildir.locate). What concerns whole folders is done before the answer and after all of that, the spool's
files before the answer.
"""

import threading
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import structlog

from mailserver.store import disk_jobs
from mailserver.store.database import Tx
from mailserver.store.disk_jobs import Job, LinkFiles, MoveFiles, MoveFolder, RemoveFiles, RemoveFolder
from mailserver.store.maildir import Maildir, sync_directory
from mailserver.store.staging import Staging

MAX_WAITING = 64  # jobs that have not begun; then commits wait for the disk

_log = structlog.get_logger("store")


class Disk:
    def __init__(self, maildir: Maildir, staging: Staging) -> None:
        self.maildir = maildir
        self.staging = staging
        self._lock = threading.Lock()
        self._performed: list[tuple[int, set[Path]]] = []
        self._worker = ThreadPoolExecutor(1, "store-disk")
        self._worker_thread = 0  # its identity, once it works
        self._waiting: deque[Future[None]] = deque()  # in order; those in front may be done
        maildir.catch_up = self.catch_up

    @property
    def unsettled(self) -> bool:
        return bool(self._performed or self._waiting)

    def promise(self, tx: Tx, job: Job) -> None:
        job_id = disk_jobs.add(tx, job)
        if isinstance(job, LinkFiles | MoveFiles | RemoveFiles):
            tx.after_commit(lambda: self._perform_later(job_id, job))
        else:
            tx.after_commit(lambda: self._perform_now(job_id, job))

    def catch_up(self) -> None:
        """Wait until what was promised in earlier commits is done; not for the event loop."""
        if threading.get_ident() == self._worker_thread:
            return
        while (first := self._drop_done()) is not None:
            first.result()

    def settle(self, tx: Tx) -> None:
        """Sync what performed jobs touched and forget them: until then a start does them again."""
        with self._lock:
            performed, self._performed = self._performed, []
        for folder in set().union(*(folders for _, folders in performed)):
            if folder.is_dir():
                sync_directory(folder)
        disk_jobs.remove(tx, [job_id for job_id, _ in performed])

    def close(self) -> None:
        self._worker.shutdown(wait=True)

    # ---- on the writer's thread ----

    def _perform_later(self, job_id: int, job: Job) -> None:
        self._drop_done()
        if len(self._waiting) >= MAX_WAITING:
            self.catch_up()
        with self._lock:
            self._waiting.append(self._worker.submit(self._perform_there, job_id, job))

    def _perform_now(self, job_id: int, job: Job) -> None:
        if isinstance(job, MoveFolder | RemoveFolder):
            self.catch_up()
        self._perform(job_id, job)

    def _drop_done(self) -> "Future[None] | None":
        """The first job that is not done."""
        with self._lock:
            while self._waiting and self._waiting[0].done():
                self._waiting.popleft()
            return self._waiting[0] if self._waiting else None

    # ---- on the worker's thread ----

    def _perform_there(self, job_id: int, job: Job) -> None:
        self._worker_thread = threading.get_ident()
        try:
            self._perform(job_id, job)
        except OSError as fault:  # committed all the same; the next start, or fsck, does it
            _log.error("disk work after commit failed", error=str(fault))

    def _perform(self, job_id: int, job: Job) -> None:
        self.maildir.perform(job)
        with self._lock:
            self._performed.append((job_id, self.maildir.touched(job)))
