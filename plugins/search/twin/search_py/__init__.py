"""The plugins of the Rust library `search`, written a second time in pure Python.

Same actions, bit-equal results: so that tests can compare them, and measurements too.
"""

from .search import SearchPy
from .similar import SimilarPy

__all__ = ["SearchPy", "SimilarPy"]
