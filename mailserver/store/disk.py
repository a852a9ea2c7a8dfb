"""The disk side of a transaction: Maildir, staging, and the jobs that commits promised."""

import threading
from pathlib import Path

from mailserver.store import disk_jobs
from mailserver.store.database import Tx
from mailserver.store.disk_jobs import Job
from mailserver.store.maildir import Maildir, sync_directory
from mailserver.store.staging import Staging


class Disk:
    def __init__(self, maildir: Maildir, staging: Staging) -> None:
        self.maildir = maildir
        self.staging = staging
        self._lock = threading.Lock()
        self._performed: list[tuple[int, set[Path]]] = []

    @property
    def unsettled(self) -> bool:
        return bool(self._performed)

    def promise(self, tx: Tx, job: Job) -> None:
        job_id = disk_jobs.add(tx, job)

        def perform() -> None:
            self.maildir.perform(job)
            with self._lock:
                self._performed.append((job_id, self.maildir.touched(job)))

        tx.after_commit(perform)

    def settle(self, tx: Tx) -> None:
        """Sync what performed jobs touched and forget them: until then a start does them again."""
        with self._lock:
            performed, self._performed = self._performed, []
        for folder in set().union(*(folders for _, folders in performed)):
            if folder.is_dir():
                sync_directory(folder)
        disk_jobs.remove(tx, [job_id for job_id, _ in performed])
