"""Any text as a URL is refused in words, or leads to the look-up of a name."""

from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from mailserver.dns.answers import DnsFailure
from mailserver.fetching.fetcher import Fetcher, FetchFailed, Trouble


class Nothing:
    """A resolver that answers nothing, and remembers what it was asked."""

    validates = False
    why_not = "it is a test"

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def addresses(self, name: str, *, ipv4: bool = True, ipv6: bool = True) -> Any:
        self.asked.append(name)
        raise DnsFailure("nobody is there")

    mx = txt = tlsa = ptr = cname = addresses


@given(st.one_of(st.text(max_size=100), st.text(max_size=60).map(lambda text: f"https://{text}")))
@example("https://exam\u3002ple.net/")
@example("https://[::1/")
@example("https://a.b:99999999999/")
@example("https://a.b:x/")
@example("https://\udcff.net/")
@example("https://" + "a" * 64 + ".net/")
async def test_any_text_is_refused_or_looked_up(text: str) -> None:
    resolver = Nothing()
    with pytest.raises(FetchFailed) as failed:
        await Fetcher(resolver).get(text)
    assert failed.value.trouble is (Trouble.DNS if resolver.asked else Trouble.URL)
    assert all(name.isascii() and "." in name for name in resolver.asked)
