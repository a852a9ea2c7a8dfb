"""The bench of calendars and contacts runs; what it measures is for `make bench` to say."""

from pathlib import Path

import pytest

from tests.bench import dav, dav_corpus


def test_every_operation_is_measured_on_both_sides_and_nothing_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dav_corpus, "EVENTS", 160)
    for name, value in {"SMALL": 5, "MANY": 20, "PUTS": 2, "SLOW_PUTS": 1, "REPEAT": 1}.items():
        monkeypatch.setattr(dav, name, value)
    rows = dav.measure()
    assert {row["name"] for row in rows} > dav.GOALS.keys()
    assert all(float(str(row["ours_ms"])) > 0 and float(str(row["radicale_ms"])) > 0 for row in rows if "ratio" in row)
    assert [row["name"] for row in rows[-2:]] == [
        "RSS growth, all objects in one report",
        "longest wait of another request meanwhile",
    ]
    assert list(tmp_path.iterdir()) == []
