"""A card of 3.0 as 4.0 and the other way, for clients that ask for one. RFC 6352 §10.4, RFC 6350 §6, RFC 2426 §3.

Only what is shown is converted, never what is kept. What the other version has no word for stays as it is: a client
that writes the card back loses nothing.
"""

import re
from collections.abc import Callable, Mapping

from mailserver.vcard.check import VERSIONS
from mailserver.vcard.fields import day, read_fields
from mailserver.vcard.lines import Card, Line
from mailserver.vcard.values import content_line, escaped, text

Parameters = dict[str, list[str]]
_DATA = re.compile(r"data:([^;,]*);base64,(.*)", re.DOTALL | re.IGNORECASE)
_GEO_URI = re.compile(r"geo:(-?[0-9.]+),(-?[0-9.]+)", re.IGNORECASE)
_GEO_PAIR = re.compile(r"(-?[0-9.]+)[;,](-?[0-9.]+)")
_NO_YEAR = "1604"  # what Apple writes for a year that is not known; a leap year
_OMIT_YEAR = "X-APPLE-OMIT-YEAR"
_MEDIA = {"PHOTO": "image", "LOGO": "image", "SOUND": "audio", "KEY": "application"}

_TO_4_NAMES = {
    "X-ADDRESSBOOKSERVER-KIND": "KIND",
    "X-ADDRESSBOOKSERVER-MEMBER": "MEMBER",
    "X-ANNIVERSARY": "ANNIVERSARY",
    "X-GENDER": "GENDER",
}
_TO_3_NAMES = {new: old for old, new in _TO_4_NAMES.items()}


def as_version(card: Card, version: str) -> bytes:
    """The card in the other version. `version`: one of VERSIONS."""
    names, values = (_TO_4_NAMES, _TO_4) if version == VERSIONS[1] else (_TO_3_NAMES, _TO_3)
    lines = [_converted(line, names, values) for line in card.lines]
    if version == VERSIONS[0] and card.first("N") is None:
        lines.insert(0, content_line("N", _name(card)))
    return "".join(["BEGIN:VCARD\r\n", f"VERSION:{version}\r\n", *lines, "END:VCARD\r\n"]).encode("utf-8")


def _name(card: Card) -> str:
    return escaped(read_fields(card).full_name) + ";;;;"


def _converted(line: Line, names: Mapping[str, str], values: Mapping[str, "Convert"]) -> str:
    name = names.get(line.name, line.name)
    parameters = Parameters()
    for key, given in line.parameters:
        if key != "CHARSET":  # of 2.1; everything is UTF-8
            parameters.setdefault(key, []).extend(given)
    value = line.value
    for key in ("*", name):
        if key in values:
            value = values[key](value, parameters)
    return content_line(name, value.replace("\n", "\\n"), parameters, line.group or "")


Convert = Callable[[str, Parameters], str]  # (value, parameters to change) → value


def _types_to_4(value: str, parameters: Parameters) -> str:
    """TYPE=pref is PREF=1."""
    types = [part for each in parameters.get("TYPE", ()) for part in each.split(",")]
    kept = [each for each in types if each.lower() not in ("pref", "internet")]
    if len(kept) < len(types) and any(each.lower() == "pref" for each in types):
        parameters.setdefault("PREF", ["1"])
    _set(parameters, "TYPE", kept)
    return value


def _types_to_3(value: str, parameters: Parameters) -> str:
    types = [part for each in parameters.get("TYPE", ()) for part in each.split(",")]
    if parameters.get("PREF") == ["1"]:
        del parameters["PREF"]
        types.append("pref")
    _set(parameters, "TYPE", types)
    return value


def _set(parameters: Parameters, name: str, values: list[str]) -> None:
    if values:
        parameters[name] = values
    else:
        parameters.pop(name, None)


def _media_to_4(kind: str) -> Convert:
    def convert(value: str, parameters: Parameters) -> str:
        encoding = [each.lower() for each in parameters.get("ENCODING", ())]
        if not {"b", "base64"} & set(encoding):
            parameters.pop("VALUE", None)
            return value
        subtype = next(iter(parameters.pop("TYPE", [])), "").lower()
        for each in ("ENCODING", "VALUE"):
            parameters.pop(each, None)
        media = subtype if "/" in subtype else f"{kind}/{subtype or 'octet-stream'}"
        return f"data:{media};base64,{''.join(value.split())}"

    return convert


def _media_to_3(value: str, parameters: Parameters) -> str:
    found = _DATA.fullmatch(value)
    if found is None:
        parameters["VALUE"] = ["uri"]
        return value
    for each in ("VALUE", "MEDIATYPE"):
        parameters.pop(each, None)
    parameters["ENCODING"] = ["b"]
    if found[1]:
        parameters["TYPE"] = [found[1].rpartition("/")[2].upper()]
    return found[2]


def _day_to_4(value: str, parameters: Parameters) -> str:
    """1980-02-29 is 19800229; Apple's 1604 with its mark is no year: --0229."""
    known = day(text(value))
    if known is None:
        return value
    omitted = str(known.year) in parameters.pop(_OMIT_YEAR, [])
    parameters.pop("VALUE", None)
    year = "--" if omitted or known.year is None else f"{known.year:04}"
    return f"{year}{known.month:02}{known.day:02}" + _time(value)


def _day_to_3(value: str, parameters: Parameters) -> str:
    known = day(text(value))
    if known is None:
        return value
    if known.year is None:
        parameters[_OMIT_YEAR] = [_NO_YEAR]
    return f"{known.year or int(_NO_YEAR):04}-{known.month:02}-{known.day:02}" + _time(value)


def _time(value: str) -> str:
    _, separator, time = value.partition("T")
    return separator + time


def _tel_to_3(value: str, parameters: Parameters) -> str:
    if value.lower().startswith("tel:"):
        parameters.pop("VALUE", None)
        return value[len("tel:") :]
    return value


def _geo_to_4(value: str, _parameters: Parameters) -> str:
    return _GEO_PAIR.sub(r"geo:\1,\2", value) if _GEO_PAIR.fullmatch(value) else value


def _geo_to_3(value: str, _parameters: Parameters) -> str:
    return _GEO_URI.sub(r"\1;\2", value) if _GEO_URI.fullmatch(value) else value


_TO_4: dict[str, Convert] = {
    "*": _types_to_4,
    **{name: _media_to_4(kind) for name, kind in _MEDIA.items()},
    "BDAY": _day_to_4,
    "ANNIVERSARY": _day_to_4,
    "GEO": _geo_to_4,
}
_TO_3: dict[str, Convert] = {
    "*": _types_to_3,
    **dict.fromkeys(_MEDIA, _media_to_3),
    "BDAY": _day_to_3,
    "X-ANNIVERSARY": _day_to_3,
    "TEL": _tel_to_3,
    "GEO": _geo_to_3,
}
