"""LightGBM's text of trees, read without trust.

LightGBM's own reader takes lengths, features and children as they stand: a changed number ends the process, or reads
what lies beside an array. Here every line is checked, and what is handed on holds the trees and nothing else: no
parameters, no objective.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

Array = np.ndarray
_OF_NODES = ("split_feature", "split_gain", "threshold", "decision_type", "left_child", "right_child")
_OF_LEAVES = ("leaf_value",)
_TOLD = {  # of a leaf or a node, for information
    "leaf_weight": 0, "leaf_count": 0, "internal_value": 1, "internal_weight": 1, "internal_count": 1,
}  # fmt: skip
_WHOLE = ("split_feature", "decision_type", "left_child", "right_child", "cat_boundaries", "cat_threshold",
          "num_features", "leaf_features")  # fmt: skip
_UNBOUNDED = ("threshold", "split_gain")  # beyond the largest value lie the missing ones
_MOST = 2**31 - 1


def trusted(given: bytes) -> bytes:
    """The trees of a text in LightGBM's format, each checked to be one.

    Raises
    ------
    ValueError
        If a line is missing, or its numbers are not those of a tree.
    """
    text = given.decode()
    head, *blocks = text.partition("\nend of trees")[0].split("\nTree=")
    told = _lines(head)
    features, width = _whole(told, "max_feature_idx", 0) + 1, _whole(told, "num_tree_per_iteration", 1)
    if features > len(text) or len(blocks) % width:
        raise ValueError(f"{len(blocks)} trees of {features} features, {width} a round")
    made = [
        "tree", "version=v4", f"num_class={width}", f"num_tree_per_iteration={width}", "label_index=0",
        f"max_feature_idx={features - 1}", *(["average_output"] if "\naverage_output\n" in head else []),
        "feature_names=" + " ".join(f"Column_{j}" for j in range(features)),
        "feature_infos=" + " ".join(["none"] * features), "",
    ]  # fmt: skip
    for i, block in enumerate(blocks):
        made += [f"Tree={i}", *_tree(_lines(block), features), "", ""]
    return "\n".join([*made, "end of trees", ""]).encode()


def _lines(block: str) -> dict[str, str]:
    pairs = (line.partition("=") for line in block.split("\n"))
    return {key: value for key, equals, value in pairs if equals}


def _tree(told: dict[str, str], features: int) -> Iterator[str]:
    """The lines of one tree."""
    leaves, sets = _whole(told, "num_leaves", 1), _whole(told, "num_cat", 0)
    yield f"num_leaves={leaves}"
    yield f"num_cat={sets}"
    found = {key: _numbers(told, key, leaves - 1) for key in _OF_NODES}
    found |= {key: _numbers(told, key, leaves) for key in _OF_LEAVES}
    found |= {key: _numbers(told, key, leaves - less) for key, less in _TOLD.items() if told.get(key)}
    _check_nodes(found, leaves, features, sets)
    if sets:
        found["cat_boundaries"] = ends = _numbers(told, "cat_boundaries", sets + 1)
        found["cat_threshold"] = bits = _numbers(told, "cat_threshold", None)
        good = ends[0] == 0 and ends[-1] == len(bits) and (np.diff(ends) >= 0).all()
        if not (good and _are_whole(ends, 0, _MOST) and _are_whole(bits, 0, 2**32 - 1)):
            raise ValueError("sets of categories that do not fit")
    linear = _whole(told, "is_linear", 0)
    if linear:
        found |= _of_lines(told, leaves, features)
    found["shrinkage"] = _numbers(told, "shrinkage", 1)
    yield from (f"{key}={told[key]}" for key in found)
    yield f"is_linear={min(linear, 1)}"


def _check_nodes(found: dict[str, Array], leaves: int, features: int, sets: int) -> None:
    """Each node and leaf hangs once from a node before it, and asks for a feature there is."""
    children = np.concatenate([found["left_child"], found["right_child"]])
    above = np.tile(np.arange(leaves - 1), 2)
    once = np.array_equal(np.sort(children), np.r_[np.arange(-leaves, 0), np.arange(1, leaves - 1)])
    if leaves > 1 and not (once and ((children < 0) | (children > above)).all()):
        raise ValueError("nodes that are no tree")
    kinds = found["decision_type"]
    if not (_are_whole(found["split_feature"], 0, features - 1) and _are_whole(kinds, 0, 15)):
        raise ValueError("splits of no feature")
    of_sets = kinds.astype(np.intp) % 2 == 1
    if not _are_whole(found["threshold"][of_sets], 0, sets - 1):
        raise ValueError("splits by no set of categories")


def _of_lines(told: dict[str, str], leaves: int, features: int) -> dict[str, Array]:
    """What leaves with a line in them have besides."""
    found = {"leaf_const": _numbers(told, "leaf_const", leaves), "num_features": _numbers(told, "num_features", leaves)}
    if not _are_whole(found["num_features"], 0, features):
        raise ValueError("lines in leaves that do not fit")
    total = int(found["num_features"].sum())
    found |= {key: _numbers(told, key, total) for key in ("leaf_features", "leaf_coeff")}
    if not _are_whole(found["leaf_features"], 0, features - 1):
        raise ValueError("lines in leaves of no feature")
    return found


def _whole(told: dict[str, str], key: str, least: int) -> int:
    value = told.get(key, "")
    if not (value.isascii() and value.isdecimal() and len(value) < 10 and int(value) >= least):
        raise ValueError(f"{key}={value[:20]}")
    return int(value)


def _numbers(told: dict[str, str], key: str, count: int | None) -> Array:
    """The numbers of a line; the line itself is handed on, so nothing else may be in it."""
    text = told.get(key, "")
    strange = text.translate(_INTEGRAL if key in _WHOLE else _NUMERIC)  # 1e1 is 1 to who reads whole numbers
    if strange.replace("inf", "") or (strange and key not in _UNBOUNDED):
        raise ValueError(f"{key} holds {strange[:20]!r}")
    found = np.array(text.split(), dtype=np.float64)
    if (count is not None and len(found) != count) or not (key in _UNBOUNDED or np.isfinite(found).all()):
        raise ValueError(f"{key}: {len(found)} numbers, wanted {count}")
    return found


_INTEGRAL = dict.fromkeys(map(ord, "0123456789- "))
_NUMERIC = _INTEGRAL | dict.fromkeys(map(ord, "+.eE"))


def _are_whole(values: Array, low: int, high: int) -> bool:
    return bool(((values >= low) & (values <= high) & (values == np.floor(values))).all())
