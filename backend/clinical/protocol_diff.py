"""What two versions of a protocol say differently, line by line."""

from collections.abc import Iterator, Mapping
from typing import Any

# By what the tables of a list are told apart.
NAMED_BY = ("id", "instrument", "after_minutes", "low")
# Of a rule, what decides whether it is met and how loud: an alert names it by the rule's version.
DECIDES = ("kind", "level", "params", "raise_after_sets", "clear_after_sets")


def changes(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """Each difference in a line: `rules, news2-5, params, total: 5 → 4`."""
    old, new = dict(_flat(before, ())), dict(_flat(after, ()))
    found = []
    for path in [*new, *(path for path in old if path not in new)]:
        where = ", ".join(path)
        if path not in new:
            found.append(f"{where}: {old[path]} → gone")
        elif path not in old:
            found.append(f"{where}: new, {new[path]}")
        elif old[path] != new[path]:
            found.append(f"{where}: {old[path]} → {new[path]}")
    return found


def same_number(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    """The rules that now decide otherwise under the version number that they had."""
    known = {rule["id"]: rule for rule in before["rules"]}
    return [
        rule["id"]
        for rule in after["rules"]
        if rule["id"] in known
        and rule["version"] <= known[rule["id"]]["version"]
        and _decides(rule) != _decides(known[rule["id"]])
    ]


def _decides(rule: Mapping[str, Any]) -> dict[str, Any]:
    said = {name: rule.get(name) for name in DECIDES}
    params = {name: value for name, value in rule["params"].items() if name != "families"}
    return {**said, "params": params}


def _flat(value: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, Mapping):
        for name, inner in value.items():
            yield from _flat(inner, (*path, name))
    elif isinstance(value, list) and value and all(isinstance(one, Mapping) for one in value):
        for place, one in enumerate(value, 1):
            yield from _flat(one, (*path, _name(one, place)))
    elif isinstance(value, list):
        yield path, ", ".join(str(one) for one in value)
    else:
        yield path, str(value)


def _name(table: Mapping[str, Any], place: int) -> str:
    return next((str(table[name]) for name in NAMED_BY if name in table), str(place))
