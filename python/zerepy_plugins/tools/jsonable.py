"""Results as JSON can hold them, for the protocols that speak JSON."""

from __future__ import annotations

import base64
import dataclasses
import math
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any

_MAX_DEPTH = 128


def jsonable(value: Any, depth: int = 0) -> Any:
    """Return a copy of a result that is plain JSON.

    Bytes become base64; NaN and infinities become texts; dataclasses and pydantic models become
    what they hold, other objects their ``str``. Integers stay exact, whatever their size.
    """
    if depth > _MAX_DEPTH:
        return "… (nested too deeply)"
    if isinstance(value, Enum):
        return jsonable(value.value, depth)
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, memoryview) and value.format not in ("B", "b", "c"):
        return jsonable(value.tolist(), depth)  # a packed array of numbers
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    if hasattr(value, "model_dump") and not isinstance(value, type):
        value = value.model_dump()
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): jsonable(item, depth + 1) for key, item in value.items()}
    if isinstance(value, Iterable):
        return [jsonable(item, depth + 1) for item in value]
    return str(value)
