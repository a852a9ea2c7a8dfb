"""Secrets at rest."""

from pathlib import Path

import pytest

from mailserver.errors import SealBroken
from mailserver.store.sealing import FILE, SealingKey


def test_what_was_sealed_opens_after_a_restart_and_is_never_stored_plainly(tmp_path: Path) -> None:
    sealed = SealingKey.open(tmp_path).seal(b"hunter2", "relay:1")
    assert b"hunter2" not in sealed
    assert SealingKey.open(tmp_path).unseal(sealed, "relay:1") == b"hunter2"
    assert (tmp_path / FILE).stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == [FILE]


def test_a_secret_does_not_open_for_another_purpose_with_another_key_or_changed(tmp_path: Path) -> None:
    key = SealingKey.open(tmp_path)
    sealed = key.seal(b"secret", "a")
    other = SealingKey(bytes(32))
    for holder, octets, purpose in ((key, sealed, "b"), (other, sealed, "a"), (key, sealed[:-1], "a"), (key, b"", "a")):
        with pytest.raises(SealBroken):
            holder.unseal(octets, purpose)


def test_a_key_that_others_may_read_or_that_was_cut_is_refused_with_the_cure(tmp_path: Path) -> None:
    SealingKey.open(tmp_path)
    path = tmp_path / FILE
    path.chmod(0o640)
    with pytest.raises(SealBroken, match="chmod 600"):
        SealingKey.open(tmp_path)
    path.chmod(0o600)
    path.write_bytes(b"short")
    with pytest.raises(SealBroken, match="backup"):
        SealingKey.open(tmp_path)


def test_keys_for_different_uses_differ_and_stay_the_same(tmp_path: Path) -> None:
    key = SealingKey.open(tmp_path)
    assert key.derive("srs") == SealingKey.open(tmp_path).derive("srs") != key.derive("verp")
