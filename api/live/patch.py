"""An image as a plain tree, and the difference between two as a JSON merge patch (RFC 7386).

Values in a patch are absolute, so one that arrives twice does no harm; null means "gone", which is why a tree never
holds null.
"""

from __future__ import annotations

from typing import Any

import msgspec

Tree = dict[str, Any]


def tree_of(image: Any) -> Tree:
    """A dataclass image as dicts, lists and plain values, without what is None."""
    tree: Tree = _present(msgspec.to_builtins(image))
    return tree


def _present(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _present(part) for key, part in value.items() if part is not None}
    if isinstance(value, list | tuple):
        return [_present(part) for part in value]
    return value


def difference(before: Tree, after: Tree) -> Tree:
    """The patch that makes `after` of `before`; empty when they are equal. Lists are replaced whole."""
    patch: Tree = {key: None for key in before if key not in after}
    for key, value in after.items():
        known = before.get(key)
        if isinstance(known, dict) and isinstance(value, dict):
            if inner := difference(known, value):
                patch[key] = inner
        elif known != value or key not in before:
            patch[key] = value
    return patch
