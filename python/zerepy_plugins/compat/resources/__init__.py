"""ZerePy's ``src.resources``."""

from zerepy_plugins.compat.resources.cleanup import cleanup_on_error, with_cleanup
from zerepy_plugins.compat.resources.lifecycle import ResourceLifecycle, ResourceState
from zerepy_plugins.compat.resources.manager import ResourceManager, resource_manager

__all__ = [
    "ResourceLifecycle",
    "ResourceManager",
    "ResourceState",
    "cleanup_on_error",
    "resource_manager",
    "with_cleanup",
]
