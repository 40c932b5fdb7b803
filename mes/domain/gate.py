"""What a job has to pass before production: its first article is made, its drawing is there.

No product has a gate until the plant file switches it on. What stands before a gate may be set up and may make its
first article; production begins when the gate opens, or when a line lead lets it begin.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GateKind = Literal["document", "first_article"]


@dataclass(frozen=True, slots=True)
class GateRule:
    """A gate before production of some products (`items` or `families`; absent: all) on some lines (absent: all).

    `document`: the job's revision has a drawing or instruction that can be opened. `first_article`: a good piece was
    counted under the job in phase first_article.
    """

    kind: GateKind
    items: tuple[str, ...] = ()
    families: tuple[str, ...] = ()
    lines: tuple[str, ...] = ()

    def stands_before(self, *, item: str, family: str, line: str) -> bool:
        """Whether a product has to pass it on a line."""
        is_meant = item in self.items or family in self.families or not (self.items or self.families)
        return is_meant and (not self.lines or line in self.lines)
