"""Disk work that a transaction promises: written down in it, done right after its commit, repeatable.

A job names what to do by keys, not by where files happen to be, so that doing it twice does no harm. Its row
goes away only after the folders it touched are synced; until then the next start does it again.

    crash before the commit   no row, nothing was touched
    crash after the commit    the row is there; the start performs it, syncs, removes it
"""

import builtins
import json
from dataclasses import dataclass, fields
from typing import Any

from mailserver.store.database import Rx, Tx


@dataclass(frozen=True, slots=True)
class LinkFiles:
    """Copies: the file of each source key appears in another folder under a new key (hard link)."""

    source: str  # folder, relative to data/mail
    target: str
    names: tuple[tuple[str, str, str, str], ...]  # (source key, its name flags, new key, new name flags)


@dataclass(frozen=True, slots=True)
class MoveFiles:
    source: str
    target: str
    names: tuple[tuple[str, str], ...]  # (key, name flags)


@dataclass(frozen=True, slots=True)
class RemoveFiles:
    folder: str
    names: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class MoveFolder:
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class RemoveFolder:
    folder: str


@dataclass(frozen=True, slots=True)
class Spool:
    """A staged file becomes a spool file of the outbound queue."""

    key: str  # in staging/
    name: str  # in spool/


@dataclass(frozen=True, slots=True)
class Unspool:
    name: str  # in spool/


Job = LinkFiles | MoveFiles | RemoveFiles | MoveFolder | RemoveFolder | Spool | Unspool

_KINDS: dict[str, type[Any]] = {
    kind.__name__: kind for kind in (LinkFiles, MoveFiles, RemoveFiles, MoveFolder, RemoveFolder, Spool, Unspool)
}


def add(tx: Tx, job: Job) -> int:
    return tx.insert("INSERT INTO disk_jobs (work) VALUES (?)", _encode(job))


def list(rx: Rx) -> builtins.list[tuple[int, Job]]:
    """In the order they were promised."""
    return [(row[0], _decode(row[1])) for row in rx.all("SELECT id, work FROM disk_jobs ORDER BY id")]


def mentions(rx: Rx, key: str) -> bool:
    """Whether work on this file is promised and perhaps not done yet, by this process or another."""
    return rx.one("SELECT 1 FROM disk_jobs WHERE instr(work, ?) LIMIT 1", json.dumps(key)) is not None


def remove(tx: Tx, ids: builtins.list[int]) -> None:
    tx.many("DELETE FROM disk_jobs WHERE id = ?", [(job_id,) for job_id in ids])


def _encode(job: Job) -> str:
    content = {field.name: getattr(job, field.name) for field in fields(job)}  # asdict copies every name
    return json.dumps({"kind": type(job).__name__, **content}, separators=(",", ":"))


def _decode(text: str) -> Job:
    content = json.loads(text)
    kind = _KINDS[content.pop("kind")]
    if "names" in content:
        content["names"] = tuple(tuple(name) for name in content["names"])
    job: Job = kind(**content)
    return job
