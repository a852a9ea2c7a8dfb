"""Replies, bounces, records, reports, policies, answers: whatever strangers write is read or refused, in time."""

import os
import random
from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.outbound_targets import TARGETS, random_input, take
from tests.growth import is_linear

INPUTS = 400
SOAK_INPUTS = int(os.environ.get("FUZZ_INPUTS", "10_000_000")) // 100
GROWN_OCTETS = 50_000


@pytest.mark.parametrize("name", TARGETS)
def test_samples_are_taken(name: str) -> None:
    for sample in TARGETS[name].samples:
        take(name, sample)


@pytest.mark.parametrize("name", TARGETS)
def test_harmed_samples_are_read_or_refused(name: str) -> None:
    chance = random.Random(name)
    for _ in range(INPUTS):
        octets = random_input(chance, name)
        try:
            take(name, octets)
        except Exception as fault:
            raise AssertionError(f"{name}: {octets!r}") from fault


@pytest.mark.parametrize("name", TARGETS)
@settings(max_examples=50, deadline=None)
@given(data=st.data())
def test_any_octets_are_read_or_refused(name: str, data: st.DataObject) -> None:
    pieces = st.sampled_from(TARGETS[name].pieces) | st.binary(max_size=40)
    take(name, data.draw(st.lists(pieces, max_size=40).map(b"".join)))


@pytest.mark.parametrize("name", TARGETS)
def test_the_work_grows_with_the_octets(name: str) -> None:
    """Each piece over and over, alone and where a sample has its middle."""
    for piece in TARGETS[name].pieces:
        for sample in (b"", TARGETS[name].samples[0]):
            assert is_linear(partial(grown, name, piece, sample), GROWN_OCTETS), (piece, sample)


def grown(name: str, piece: bytes, sample: bytes, octets: int) -> Callable[[], object]:
    middle = len(sample) // 2
    return partial(take, name, sample[:middle] + piece * (octets // len(piece)) + sample[middle:])


@pytest.mark.soak
@pytest.mark.parametrize("name", TARGETS)
def test_very_many_harmed_samples_are_read_or_refused(name: str) -> None:
    """A hundredth of FUZZ_INPUTS each; the seed of a failure is in its message."""
    seed = random.SystemRandom().getrandbits(64)
    chance = random.Random(seed)
    for number in range(SOAK_INPUTS):
        octets = random_input(chance, name)
        try:
            take(name, octets)
        except Exception as fault:
            raise AssertionError(f"seed {seed}, input {number}: {octets!r}") from fault
