"""The bench of mail to other servers runs; what it measures is for `make bench` to say."""

from pathlib import Path

import pytest

from tests.bench import outbound


def test_everything_arrives_and_nothing_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    rows = outbound.measure(((6, 1, False), (6, 3, True)))
    assert [row["name"] for row in rows] == [
        "limit: 6 by a bare client, one connection",
        "6 to 1 host, first",
        "6 to 1 host, again",
        "6 to 3 hosts over TLS, first",
        "6 to 3 hosts over TLS, again",
    ]
    assert all(3 <= row["connections"] <= 6 for row in rows[3:])
    assert rows[2]["questions"] == rows[4]["questions"] == 0
    assert len(outbound.memory(waiting=3, big_octets=1_000_000)) == 2
    assert list(tmp_path.iterdir()) == []
