"""Which level each set of facts leads to, one reason per row. RFC 7672 §2.2, RFC 8461 §2 and §5, RFC 8689 §4.2.1, §5"""

import itertools

import pytest

from mailserver.outbound_tls.decision import DECISIONS, Dane, Facts, Level, Memory, Sts, decide

ROWS = [
    ("nothing known", Facts(), Level.OPPORTUNISTIC, "opportunistic"),
    ("a secure MX alone asks for nothing", Facts(is_mx_secure=True), Level.OPPORTUNISTIC, "opportunistic"),
    ("DANE", Facts(dane=Dane.USABLE), Level.DANE, "DANE"),
    ("DANE does not need what MTA-STS says", Facts(dane=Dane.USABLE, sts=Sts.ENFORCE_OTHER), Level.DANE, "DANE"),
    ("MTA-STS does not soften DANE", Facts(dane=Dane.USABLE, sts=Sts.ENFORCE), Level.DANE, "DANE"),
    ("nor does MTA-STS save a failed look-up", Facts(dane=Dane.FAILED, sts=Sts.ENFORCE), None, "could not be had"),
    ("a failed look-up is not 'no DANE'", Facts(dane=Dane.FAILED), None, "could not be had"),
    ("TLSA nobody can use: TLS", Facts(dane=Dane.UNUSABLE), Level.ENCRYPTED, "none that can be used"),
    (
        "unusable TLSA do not switch MTA-STS off",
        Facts(dane=Dane.UNUSABLE, sts=Sts.ENFORCE),
        Level.AUTHENTICATED,
        "MTA-STS enforce",
    ),
    ("MTA-STS", Facts(sts=Sts.ENFORCE), Level.AUTHENTICATED, "MTA-STS enforce of"),
    ("MTA-STS, another host", Facts(sts=Sts.ENFORCE_OTHER), None, "does not name"),
    ("testing refuses nothing", Facts(sts=Sts.TESTING_OTHER), Level.OPPORTUNISTIC, "in testing"),
    ("testing keeps what is remembered", Facts(sts=Sts.TESTING, memory=Memory.HELD), Level.ENCRYPTED, "remembered"),
    ("remembered", Facts(memory=Memory.HELD), Level.ENCRYPTED, "remembered"),
    ("given up in words", Facts(memory=Memory.FELL), Level.OPPORTUNISTIC, "opportunistic again"),
    ("REQUIRETLS needs somebody to vouch", Facts(require_tls=True), None, "REQUIRETLS asks"),
    ("what is remembered vouches for nobody", Facts(require_tls=True, memory=Memory.HELD), None, "REQUIRETLS asks"),
    ("MTA-STS in testing does not vouch", Facts(require_tls=True, sts=Sts.TESTING), None, "REQUIRETLS asks"),
    ("unusable TLSA do not vouch", Facts(require_tls=True, dane=Dane.UNUSABLE), None, "REQUIRETLS asks"),
    ("REQUIRETLS with DANE", Facts(require_tls=True, dane=Dane.USABLE), Level.DANE, "DANE"),
    ("REQUIRETLS with MTA-STS", Facts(require_tls=True, sts=Sts.ENFORCE), Level.AUTHENTICATED, "MTA-STS"),
    ("REQUIRETLS with a secure MX", Facts(require_tls=True, is_mx_secure=True), Level.AUTHENTICATED, "DNSSEC"),
    ("TLS-Required: No, over DANE", Facts(tls_optional=True, dane=Dane.USABLE), Level.OPPORTUNISTIC, "TLS-Required"),
    (
        "TLS-Required: No, over MTA-STS",
        Facts(tls_optional=True, sts=Sts.ENFORCE_OTHER),
        Level.OPPORTUNISTIC,
        "TLS-Required",
    ),
    (
        "TLS-Required: No, over what is remembered",
        Facts(tls_optional=True, memory=Memory.HELD),
        Level.OPPORTUNISTIC,
        "TLS-Required",
    ),
    (
        "TLS-Required: No, over a failed look-up",
        Facts(tls_optional=True, dane=Dane.FAILED),
        Level.OPPORTUNISTIC,
        "TLS-Required",
    ),
    ("REQUIRETLS over TLS-Required: No", Facts(tls_optional=True, require_tls=True), None, "REQUIRETLS asks"),
]

ALL = [Facts(*facts) for facts in itertools.product(Dane, Sts, Memory, (False, True), (False, True), (False, True))]


@pytest.mark.parametrize(("why", "facts", "level", "reason"), ROWS, ids=[row[0] for row in ROWS])
def test_facts_lead_to_a_level(why: str, facts: Facts, level: Level | None, reason: str) -> None:
    decision = decide(facts)
    assert decision.level == level
    assert reason in decision.reason


def test_every_row_of_the_table_decides_something() -> None:
    assert {id(decide(facts)) for facts in ALL} == {id(row) for row in DECISIONS}


def test_a_refusal_says_whether_waiting_helps() -> None:
    for row in DECISIONS:
        assert (row.status[:1] in {"4", "5"}) == (row.level is None)


def test_what_is_published_is_asked_for_whatever_is_remembered() -> None:
    for facts in ALL:
        if not facts.tls_optional and (facts.dane is Dane.USABLE or facts.sts is Sts.ENFORCE):
            assert decide(facts).level in {None, Level.AUTHENTICATED, Level.DANE}


def test_require_tls_never_goes_where_nobody_vouches() -> None:
    for facts in ALL:
        if facts.require_tls:
            assert decide(facts).level in {None, Level.AUTHENTICATED, Level.DANE}
