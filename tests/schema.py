"""Data folders whose database is at the last schema already.

To apply every migration takes a quarter of a second of CPU and a sync for each. A test that is not about migrating
gets a copy of what they make.
"""

import functools
import tempfile
from contextlib import closing
from pathlib import Path

from mailserver.store import migrate
from mailserver.store.database import connect
from mailserver.store.store import DATABASE


def migrated(data: Path) -> Path:
    """The folder itself, made where it is missing, with a database that the next `Store.open` finds current."""
    data.mkdir(mode=0o700, parents=True, exist_ok=True)
    (data / DATABASE).touch(0o600, exist_ok=False)
    (data / DATABASE).write_bytes(_database())
    return data


@functools.cache
def _database() -> bytes:
    """What the program's migrations make of nothing: once in each process that runs tests."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / DATABASE
        with closing(connect(path)) as connection:
            migrate.up(connection)
        return path.read_bytes()
