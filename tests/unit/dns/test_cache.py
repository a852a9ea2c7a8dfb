"""The cache never serves beyond a TTL, and stays within its bounds."""

import dns.name
from hypothesis import given
from hypothesis import strategies as st

from mailserver.dns.cache import Cache
from mailserver.dns.messages import Reply


def reply(ttl: int) -> Reply:
    return Reply((), True, False, dns.name.root, ttl)


def test_an_answer_is_kept_until_its_time_is_over_and_forgotten_then() -> None:
    cache = Cache()
    kept = reply(300)
    cache.put(("a", "MX"), kept, 100, now=10)
    assert cache.get(("a", "MX"), 309.9) is kept
    assert cache.get(("a", "TXT"), 11) is None
    assert cache.get(("a", "MX"), 310) is None
    assert len(cache) == 0


def test_what_holds_for_no_time_is_not_kept_and_replaces_what_was() -> None:
    cache = Cache()
    cache.put(("a", "MX"), reply(300), 100, now=0)
    cache.put(("a", "MX"), reply(0), 100, now=1)
    assert cache.get(("a", "MX"), 1) is None


def test_the_least_recently_used_make_room() -> None:
    cache = Cache(max_entries=2)
    cache.put(("a", "A"), reply(60), 1, now=0)
    cache.put(("b", "A"), reply(60), 1, now=0)
    assert cache.get(("a", "A"), 1)
    cache.put(("c", "A"), reply(60), 1, now=1)
    assert [bool(cache.get((name, "A"), 2)) for name in "abc"] == [True, False, True]


def test_octets_are_bounded_too_and_one_huge_answer_is_simply_not_kept() -> None:
    cache = Cache(max_octets=1000)
    for name in "abcd":
        cache.put((name, "TXT"), reply(60), 300, now=0)
    assert [bool(cache.get((name, "TXT"), 1)) for name in "abcd"] == [False, True, True, True]
    cache.put(("e", "TXT"), reply(60), 1001, now=1)
    assert len(cache) == 0


steps = st.lists(
    st.tuples(st.sampled_from(["put", "get"]), st.sampled_from("abcdef"), st.integers(0, 100), st.integers(0, 50)),
    max_size=60,
)


@given(steps)
def test_never_beyond_the_ttl_never_beyond_the_bounds(steps: list[tuple[str, str, int, int]]) -> None:
    cache, now = Cache(max_entries=4, max_octets=200), 0.0
    newest: dict[str, tuple[Reply, float]] = {}
    for verb, name, amount, passes in steps:
        now += passes
        if verb == "put":
            newest[name] = reply(amount), now + amount
            cache.put((name, "A"), newest[name][0], amount, now)
        elif (got := cache.get((name, "A"), now)) is not None:
            assert got is newest[name][0]
            assert now < newest[name][1]
        assert len(cache) <= 4
        assert cache._octets == sum(entry.octets for entry in cache._entries.values()) <= 200
