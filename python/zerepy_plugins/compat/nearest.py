"""What to say of a name that is not known: the one that was probably meant."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

__all__ = ["nearest"]


def nearest(name: str, known: Iterable[str]) -> str:
    """Return a hint: the nearest of the known names, else all of them."""
    names = sorted(known)
    near = get_close_matches(name, names, 1)
    return f'Did you mean "{near[0]}"?' if near else f"Known: {', '.join(names) or 'none'}"
