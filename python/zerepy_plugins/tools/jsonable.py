"""Results as JSON can hold them, for the protocols that speak JSON."""

from __future__ import annotations

import base64
import dataclasses
import math
from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any

_MAX_DEPTH = 128


def jsonable(value: Any, within: tuple[int, ...] = ()) -> Any:
    """Return a copy of a result that is plain JSON.

    Bytes become base64; NaN and infinities become texts, and halves of surrogate pairs ``?``;
    dataclasses and pydantic models become what they hold, arrays lists, other objects their
    ``str``. Integers stay exact, whatever their size. What has no end is not read.
    """
    if isinstance(value, Enum):
        return jsonable(value.value, within)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str):
        return value.encode("utf-8", "replace").decode("utf-8")
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, memoryview) and value.format not in ("B", "b", "c"):
        return jsonable(value.tolist(), within)  # a packed array of numbers
    if isinstance(value, bytes | bytearray | memoryview):
        return base64.b64encode(value).decode("ascii")
    if id(value) in within or len(within) == _MAX_DEPTH:
        return "… (nested too deeply, or in itself)"
    return _opened(value, (*within, id(value)))


def _opened(value: Any, within: tuple[int, ...]) -> Any:
    is_type = isinstance(value, type)
    if hasattr(value, "model_dump") and not is_type:
        return jsonable(value.model_dump(), within)
    if hasattr(value, "tolist") and not is_type:  # NumPy's arrays and numbers, array.array
        return jsonable(value.tolist(), within)
    if dataclasses.is_dataclass(value) and not is_type:
        value = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): jsonable(item, within) for key, item in value.items()}
    if isinstance(value, Collection):
        return [jsonable(item, within) for item in value]
    return str(value)
