"""Deltas: the patch from one image to the next gives exactly the next one, whatever they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.live.patch import Tree, difference, tree_of

leaves = st.one_of(st.integers(0, 9), st.sampled_from(["running", "", "故障"]), st.lists(st.integers(0, 9), max_size=2))
keys = st.sampled_from("abc")
inner = st.dictionaries(keys, st.one_of(leaves, st.dictionaries(keys, leaves, max_size=2)), max_size=3)
trees = st.dictionaries(keys, st.one_of(leaves, inner), max_size=3)
calm = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])


def merged(target: Any, patch: Any) -> Any:
    """RFC 7386, section 2, as written there."""
    if not isinstance(patch, dict):
        return patch
    result = dict(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


@calm
@given(trees, trees)
def test_the_patch_leads_to_the_next_image(before: Tree, after: Tree) -> None:
    """Merging the difference gives the later image, also when it comes twice."""
    patch = difference(before, after)
    once = merged(before, patch)
    assert once == after
    assert merged(once, patch) == after


@calm
@given(trees)
def test_nothing_is_said_when_nothing_changed(tree: Tree) -> None:
    """Two equal images have an empty difference."""
    assert difference(tree, dict(tree)) == {}


@dataclass(frozen=True)
class Part:
    """A part of an image that may be absent."""

    name: str
    order: str | None = None


@dataclass(frozen=True)
class Image:
    """An image of parts."""

    parts: dict[str, Part]
    shift: Part | None = None


def test_what_is_absent_is_left_out() -> None:
    """None never stands in an image, because in a patch it means gone."""
    tree = tree_of(Image({"L1": Part("one"), "L2": Part("two", "MO-1")}))
    assert tree == {"parts": {"L1": {"name": "one"}, "L2": {"name": "two", "order": "MO-1"}}}
    gone = tree_of(Image({"L1": Part("one"), "L2": Part("two")}))
    assert difference(tree, gone) == {"parts": {"L2": {"order": None}}}
