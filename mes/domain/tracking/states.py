"""From a device's own words to our nine states.

A tag maps words to states by its `states`, else by its `preset`. A word is compared as text: 6, 6.0 and "6" are one
word, and so are True and "true". A word nobody mapped is not guessed at: the machine is `offline` with cause
`unmapped`, so that it is seen, counts as no data, and is right after the map is corrected and replayed.
"""

from __future__ import annotations

from collections.abc import Mapping

from mes.domain.plant import Tag
from mes.domain.signal import Value

PACKML = {
    **dict.fromkeys(("6", "execute", "16", "completing"), "running"),
    **dict.fromkeys(("4", "idle", "15", "resetting", "3", "starting", "12", "unholding"), "idle"),
    **dict.fromkeys(("14", "unsuspending", "17", "complete"), "idle"),
    **dict.fromkeys(("5", "suspended", "13", "suspending"), "starved"),
    **dict.fromkeys(("10", "holding", "11", "held", "7", "stopping", "2", "stopped"), "stopped"),
    **dict.fromkeys(("8", "aborting", "9", "aborted", "1", "clearing"), "fault"),
}
"""PackML state numbers and names (OPC 30050). By number alone a suspended machine is starved, not blocked."""

MACHINERY = {
    **dict.fromkeys(("3", "executing"), "running"),
    **dict.fromkeys(("2", "notexecuting"), "idle"),
    **dict.fromkeys(("1", "outofservice"), "maintenance"),
    **dict.fromkeys(("0", "notavailable"), "offline"),
}
"""OPC UA Machinery item states (40001-1), by number and name."""

PRESETS: Mapping[str, Mapping[str, str]] = {"packml": PACKML, "machinery": MACHINERY, "": {}}
UNMAPPED = "unmapped"


def word_of(value: Value) -> str:
    """A device's value as the text that maps name it by; empty for no value."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value).strip()


class StateMap:
    """What one tag's words mean."""

    def __init__(self, tag: Tag) -> None:
        preset = PRESETS[tag.preset]
        self._means = {**preset, **{word.strip().casefold(): state for word, state in tag.states.items()}}
        for word, number in (("true", "1"), ("false", "0")):
            if word in self._means:
                self._means.setdefault(number, self._means[word])

    def state(self, word: str) -> str | None:
        """Our state for a word; None when nobody mapped it."""
        return self._means.get(word.casefold())
