"""Every command's grammar under random octets: it answers with a value or a refusal of its own, never with a fault."""

import os
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fuzz.imap_target import NAMES, READS, WORDS, random_input, take

SOAK_INPUTS = int(os.environ.get("FUZZ_INPUTS", "10_000_000"))

LINE = st.builds(
    lambda name, words: b"a " + b" ".join([name, *words]) + b"\r\n",
    st.sampled_from(NAMES),
    st.lists(st.sampled_from(WORDS) | st.binary(max_size=4), max_size=10),
)


@settings(max_examples=1000, deadline=None)
@given(st.lists(LINE, min_size=1, max_size=3).map(b"".join), st.booleans(), st.booleans(), st.sampled_from(READS))
def test_every_command_takes_any_arguments(data: bytes, utf8: bool, known: bool, read: int) -> None:
    take(data, utf8=utf8, known=known, read=read)


def test_reads_cut_anywhere_make_the_same_items() -> None:
    chance = random.Random(1)
    for _ in range(1000):
        data = random_input(chance)
        assert len({take(data, read=read) for read in READS}) == 1, data


@pytest.mark.soak
def test_millions_of_commands_raise_nothing() -> None:
    """FUZZ_INPUTS inputs, 10 million by default; the seed of a failure is in its message."""
    seed = random.SystemRandom().getrandbits(64)
    chance = random.Random(seed)
    for number in range(SOAK_INPUTS):
        data = random_input(chance)
        try:
            take(data, utf8=number % 2 == 0, known=number % 16 != 0, read=READS[number % len(READS)])
        except Exception as fault:
            raise AssertionError(f"seed {seed}, input {number}: {data!r}") from fault
