"""Exceptions out of the groups that the SDK's task groups wrap them in."""

from __future__ import annotations


def innermost(error: BaseException) -> BaseException:
    """Return what went wrong."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error
