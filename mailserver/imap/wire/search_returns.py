"""What a search is to return: RETURN (…). RFC 4731 §3.1, RFC 5182, RFC 5267, RFC 6203 §4, RFC 9394."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from mailserver.imap.wire import partial_range
from mailserver.imap.wire.partial_range import PartialRange
from mailserver.imap.wire.reader import BadSyntax, Reader


class SearchReturn(Enum):
    """The value is the name on the wire."""

    MIN = "MIN"
    MAX = "MAX"
    COUNT = "COUNT"
    ALL = "ALL"
    SAVE = "SAVE"
    PARTIAL = "PARTIAL"
    RELEVANCY = "RELEVANCY"
    CONTEXT = "CONTEXT"  # a hint that more will be asked of this result
    UPDATE = "UPDATE"  # tell of every change to it


_SOME = frozenset({SearchReturn.MIN, SearchReturn.MAX, SearchReturn.PARTIAL})
_WHOLE = frozenset({SearchReturn.ALL, SearchReturn.COUNT})


@dataclass(frozen=True, slots=True)
class Returns:
    options: frozenset[SearchReturn]
    partial: PartialRange | None = None  # with SearchReturn.PARTIAL

    def __contains__(self, option: SearchReturn) -> bool:
        return option in self.options

    @property
    def silent(self) -> bool:
        """Only to be saved: there is nothing to answer, RFC 5182 §2.2."""
        return self.options == {SearchReturn.SAVE}

    def concerned(self, found: Sequence[int]) -> Sequence[int]:
        """Of which messages SAVE keeps the UIDs and MODSEQ tells the highest, in the order of `found`.

        MIN, MAX and PARTIAL alone: what they name. All that was found otherwise.
        RFC 5182 §2.4, RFC 9394 §3.2, RFC 4731 §3.2.
        """
        if self.options & _WHOLE or not self.options & _SOME:
            return found
        named = set(self.partial.of(found)) if self.partial else set()
        if SearchReturn.MIN in self:
            named.update(found[:1])
        if SearchReturn.MAX in self:
            named.update(found[-1:])
        return [uid for uid in found if uid in named]


ALL = Returns(frozenset({SearchReturn.ALL}))


def parse(r: Reader) -> Returns | None:
    """["RETURN" SP "(" [option *(SP option)] ")" SP]; "()" is ALL, RFC 4731 §3.1."""
    if not r.accept_word(b"RETURN"):
        return None
    r.sp()
    named = r.parenthesised(lambda: _option(r), empty=True)
    r.sp()
    options = [option for option, _ in named]
    if sum(option in (SearchReturn.ALL, SearchReturn.PARTIAL) for option in options) > 1:
        raise BadSyntax("ALL or PARTIAL, and once: RFC 9394 §3.1")
    partial = next((value for _, value in named if value is not None), None)
    return Returns(frozenset(options), partial) if options else ALL


def _option(r: Reader) -> tuple[SearchReturn, PartialRange | None]:
    name = r.word()
    if name not in SearchReturn.__members__:
        raise BadSyntax("Unknown return option")
    option = SearchReturn[name]
    if option is not SearchReturn.PARTIAL:
        return option, None
    r.sp()
    return option, partial_range.parse(r)
