"""How long a source that is not heard is left alone before the next try (pure).

The first tries come fast: a server that is just being started, or a cable that was pulled and put back, should cost
seconds. Then the pauses grow, so that nothing is flooded. Where we are refused (certificate, password, configuration)
only a person can help, and trying often would lock an account: once a minute.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from collectors.source import SourceLostError

FIRST_PAUSES_S = (0.2, 0.5, 1.0, 2.0, 2.0, 2.0, 2.0, 2.0)
PAUSE_S_MAX = 15.0
REFUSED_PAUSE_S = 60.0
REFUSALS = frozenset({"certificate", "password", "configuration"})
JITTER = 0.25


def pause_s(error: SourceLostError, failures: int, draw: Callable[[], float] = random.random) -> float:
    """The pause after `failures` tries in a row that did not get through, the one that just failed among them.

    A quarter more or less by chance, so that collectors that lost a server together do not come back together.
    """
    if error.why in REFUSALS:
        return REFUSED_PAUSE_S
    if failures <= len(FIRST_PAUSES_S):
        longest = FIRST_PAUSES_S[max(failures, 1) - 1]
    else:
        longest = min(PAUSE_S_MAX, FIRST_PAUSES_S[-1] * 2 ** min(failures - len(FIRST_PAUSES_S), 6))
    return longest * (1 - JITTER + 2 * JITTER * draw())
