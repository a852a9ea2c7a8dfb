"""Capabilities that depend on others, or on a setting."""

from dataclasses import replace

from mailserver.imap.capabilities import Facts, capabilities, enables, is_told, spelling
from mailserver.imap.states import State

FACTS = Facts(State.AUTHENTICATED, may_log_in=True, offers_tls=False, max_append_octets=1000)


def test_qresync_goes_with_condstore() -> None:
    assert enables("QRESYNC", FACTS)
    without = replace(FACTS, off=frozenset({b"CONDSTORE"}))
    assert not is_told(b"QRESYNC", without)
    assert not enables("QRESYNC", without)


def test_a_limit_is_told_where_there_is_one() -> None:
    assert b"MESSAGELIMIT" not in capabilities(FACTS)
    assert b" MESSAGELIMIT=1000 " in capabilities(replace(FACTS, message_limit=1000))


def test_what_is_enabled_is_answered_as_the_list_spells_it() -> None:
    assert [spelling(name) for name in ("IMAP4REV2", "qresync", "UIDONLY")] == [b"IMAP4rev2", b"QRESYNC", b"UIDONLY"]
