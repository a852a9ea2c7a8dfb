"""Who answers whom, without ever closing a loop. RFC 5256 §3, step 1.

Strangers decide what References say: links that can only be checked by walking up a long chain are checked as long
as STEPS last.
"""

STEPS = 5_000_000  # upwards in all, for one mailbox; beyond it a link that might close a loop is not made

NOBODY = -1


class Links:
    """Parents that never form a loop.

    Trees that were ever joined are one group: between groups no loop can close, and without a link ever undone the
    parentless member of a group is the ancestor of all others. Only what is left has to be walked.
    """

    def __init__(self, parents: list[int]) -> None:
        self._parents = parents
        self._groups: list[int] = []
        self._split = False
        self._steps = STEPS

    def link(self, parent: int, child: int) -> None:
        """For a child without a parent."""
        if not self._would_loop(parent, child):
            self._parents[child] = parent
            self._groups[self._group(child)] = self._group(parent)

    def replace(self, parent: int, child: int) -> None:
        """Undo the child's link and make this one; NOBODY: none. Step 1.B."""
        if self._parents[child] == parent:
            return
        if self._parents[child] != NOBODY:
            self._parents[child] = NOBODY
            self._split = True
        if parent != NOBODY:
            self.link(parent, child)

    def _would_loop(self, parent: int, child: int) -> bool:
        if parent == child:
            return True
        if self._group(parent) != self._group(child):
            return False
        return not self._split or self._is_above(child, parent)

    def _is_above(self, node: int, below: int) -> bool:
        while below != NOBODY and self._steps:
            if below == node:
                return True
            below = self._parents[below]
            self._steps -= 1
        return not self._steps

    def _group(self, node: int) -> int:
        groups = self._groups
        groups.extend(range(len(groups), len(self._parents)))
        while groups[node] != node:
            groups[node] = node = groups[groups[node]]
        return node
