"""References within a JSON Schema: put in place where that is possible."""

from __future__ import annotations

from typing import Any

# A schema may refer to a definition many times, and that one again: beyond so many parts what is
# left stays a reference.
_MAX_PARTS = 5_000
# Values of these keywords are data, not schemas: what looks like a reference in them is none.
_DATA = frozenset({"const", "default", "enum", "examples"})


def inlined(schema: Any) -> dict[str, Any]:
    """Return a copy without references, but for those of a schema that contains itself.

    These stay ``#/$defs/<name>``, and only what they refer to stays in ``$defs``. What a reference
    leads nowhere accepts anything.
    """
    if not isinstance(schema, dict):
        return {}
    inliner = _Inliner(schema)
    result: dict[str, Any] = inliner.part(schema, ("#",))
    if inliner.kept:
        result["$defs"] = inliner.kept
    return result


class _Inliner:
    def __init__(self, root: dict[str, Any]) -> None:
        self.root = root
        self.kept: dict[str, Any] = {}
        self._names: dict[str, str] = {}
        self._parts = 0

    def part(self, schema: Any, within: tuple[str, ...]) -> Any:
        self._parts += 1
        if isinstance(schema, list):
            return [self.part(item, within) for item in schema]
        if not isinstance(schema, dict):
            return schema
        rest = {
            key: value if key in _DATA else self.part(value, within)
            for key, value in schema.items()
            if key not in ("$ref", "$defs", "definitions", "$schema", "$id")
        }
        reference = schema.get("$ref")
        if not isinstance(reference, str):
            return rest
        if reference in within or self._parts > _MAX_PARTS:
            return {"$ref": f"#/$defs/{self._keep(reference)}"} | rest
        target = self.part(self._target(reference), (*within, reference))
        return (target if isinstance(target, dict) else {}) | rest

    def _keep(self, reference: str) -> str:
        name = self._names.get(reference)
        if name is None:
            name = reference.rsplit("/", 1)[-1].strip("#") or "root"
            while name in self.kept:
                name += "_"
            self._names[reference] = name
            self.kept[name] = {}  # named first: it refers to itself
            self.kept[name] = self.part(self._target(reference), (reference,))
        return name

    def _target(self, reference: str) -> Any:
        found: Any = self.root
        for step in reference.removeprefix("#").split("/")[1:]:
            key = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, dict):
                found = found.get(key)
            elif isinstance(found, list) and key.isdecimal() and int(key) < len(found):
                found = found[int(key)]
            else:
                return {}
        return found if reference.startswith("#") else {}
