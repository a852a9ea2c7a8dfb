"""Properties that were asked for, as DAV:propstat elements of one resource. RFC 4918 §9.1, RFC 8144 §2.1."""

from collections.abc import Iterable
from functools import reduce
from operator import or_

from mailserver.dav import xml_writer
from mailserver.dav.asked import Asked, Mode
from mailserver.dav.facts import Facts
from mailserver.dav.names import Name
from mailserver.dav.properties.property import Need
from mailserver.dav.properties.table import PROPERTIES
from mailserver.dav.resources import href
from mailserver.dav.subjects import Subject


def response(asked: Asked, facts: Facts, *, minimal: bool) -> bytes:
    """`minimal`: what is not there is not mentioned."""
    return xml_writer.response(href(facts.resource), of(asked, facts, minimal=minimal))


def of(asked: Asked, facts: Facts, *, minimal: bool) -> bytes:
    if asked.mode is Mode.NAMES:
        return xml_writer.propstat(200, b"".join(map(xml_writer.element, _names(facts))))
    found, missing = list[bytes](), list[bytes]()
    live = PROPERTIES[facts.subject]
    for name in wanted(asked, facts.subject, facts.dead):
        row = live.get(name)
        value = row.value(facts) if row is not None else None
        if value is not None:
            found.append(xml_writer.element(name, value))
        elif name in facts.dead:
            found.append(facts.dead[name])
        else:
            missing.append(xml_writer.element(name))
    return joined(b"".join(found), b"" if minimal or asked.mode is Mode.ALL else b"".join(missing))


def joined(found: bytes, missing: bytes) -> bytes:
    """Both propstats, of which one at least is there."""
    if not missing:
        return xml_writer.propstat(200, found)
    return (xml_writer.propstat(200, found) if found else b"") + xml_writer.propstat(404, missing)


def wanted(asked: Asked, subject: Subject, dead: Iterable[Name] = ()) -> tuple[Name, ...]:
    """The names to be answered, each once."""
    if asked.mode is Mode.NAMED:
        return asked.names
    usual = [row.name for row in PROPERTIES[subject].values() if row.in_allprop]
    return tuple(dict.fromkeys((*usual, *dead, *asked.names)))


def needs(asked: Asked, subjects: Iterable[Subject]) -> Need:
    """What has to be read besides, to answer this for these kinds of resources."""
    rows = (PROPERTIES[subject].get(name) for subject in subjects for name in wanted(asked, subject))
    return reduce(or_, (row.needs for row in rows if row is not None), Need.NONE)


def _names(facts: Facts) -> list[Name]:
    live = [name for name, row in PROPERTIES[facts.subject].items() if row.value(facts) is not None]
    return [*live, *(name for name in facts.dead if name not in live)]
