"""What the start does with the disk before anybody may connect, so that a crash leaves nothing in doubt.

    promised job in disk_jobs            performed (again), synced, forgotten
    file in staging/, row names it       committed before the crash: shown in its folders
    file in staging/, no row             never acknowledged: deleted, unless another process is at work there
    staging/incoming-*                   never was a whole message: likewise

Only the process that holds the data folder's lock may do this.
"""

import os
from dataclasses import dataclass

import structlog

from mailserver.store import disk_jobs
from mailserver.store.database import Tx
from mailserver.store.maildir import Maildir, sync_directory
from mailserver.store.staging import INCOMING_PREFIX

_log = structlog.get_logger("store")


@dataclass(frozen=True, slots=True)
class Recovered:
    jobs: int
    shown: int  # deliveries finished
    discarded: int  # files that were never acknowledged


def recover(tx: Tx, *, alone: bool) -> Recovered:
    """`alone`: no other process has files in staging/ (Staging.alone); theirs would look like a crash's."""
    maildir = tx.files
    jobs = disk_jobs.list(tx)
    for _, job in jobs:
        maildir.perform(job)
        for folder in maildir.touched(job):
            if folder.is_dir():
                sync_directory(folder)
    disk_jobs.remove(tx, [job_id for job_id, _ in jobs])
    shown = discarded = 0
    for name in os.listdir(maildir.staging):
        if _show(tx, maildir, name):
            shown += 1
        elif alone:
            os.unlink(maildir.staging / name)
            discarded += 1
    done = Recovered(len(jobs), shown, discarded)
    if any((done.jobs, done.shown, done.discarded)):
        _log.info("recovered", jobs=done.jobs, shown=done.shown, discarded=done.discarded)
    return done


def _show(tx: Tx, maildir: Maildir, name: str) -> bool:
    """Finish the delivery of a staged file that rows name; False where none does."""
    if name.startswith(INCOMING_PREFIX):
        return False
    folders = tx.all(
        """SELECT CASE b.directory WHEN '' THEN u.maildir ELSE u.maildir || '/' || b.directory END, m.name_flags
           FROM messages m JOIN mailboxes b ON b.id = m.mailbox_id JOIN users u ON u.id = b.user_id
           WHERE m.maildir_key = ?""",
        name,
    )
    if not folders:
        return False
    for folder, _ in folders:
        maildir.make_folder(folder)
    maildir.finish_delivery(name, [(folder, letters) for folder, letters in folders])
    for folder, _ in folders:
        sync_directory(maildir.root / folder / "cur")
    return True
