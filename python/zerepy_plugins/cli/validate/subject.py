"""The plugin under test, as a check sees it: a manager that knows it, and the calls it may get."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from zerepy_plugins import PluginManager
from zerepy_plugins.cli.validate.outcome import CheckFailed, CheckSkipped
from zerepy_plugins.cli.validate.samples import NoSampleError, misfits, sample
from zerepy_plugins.errors import PluginConfigError, PluginError, PluginPanicError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

ALL = "all"
UNKNOWN_ACTION = "an_action_that_no_plugin_has"


@dataclass(frozen=True)
class Subject:
    """One plugin, and what the user says of testing it."""

    directory: Path
    name: str
    config: str | None
    """The user's configuration file."""
    allowed: frozenset[str]
    """Actions that may really be called, as `action` or `plugin.action`; or `all`."""
    params: Mapping[str, Any]
    """Parameters by action (or `plugin.action`), where a schema does not say enough."""
    seconds: float
    """How long the check may take, all in all."""
    note: Callable[[str], None]
    """Told what is done next, so that it is known if the process dies of it."""

    @contextmanager
    def loaded(self, config: Any = None) -> Iterator[PluginManager]:
        """Give a manager with the plugin taken in, not started; stopped afterwards."""
        manager = PluginManager(self.directory, config or self.config, entry_points=False)
        try:
            manager.load_plugins()
            yield manager
        finally:
            manager.stop_plugins()

    @contextmanager
    def started(self) -> Iterator[PluginManager]:
        """Give a manager that runs the plugin and what it requires."""
        with self.loaded() as manager:
            self.start(manager)
            yield manager

    def start(self, manager: PluginManager) -> None:
        """Start the plugin; raises `CheckSkipped` if it cannot be without a configuration."""
        self.note("starting it")
        try:
            manager.start_plugins(self.name)
        except PluginConfigError as error:
            if any(failure.stage == "validate" for failure in manager.failures):
                raise CheckSkipped(
                    f"it needs a configuration (--config): {error.message}"
                ) from None
            raise

    @cached_property
    def described(self) -> Mapping[str, Any]:
        """What the host knows of the plugin."""
        with self.loaded() as manager:
            return manager.describe(self.name)

    @property
    def actions(self) -> Mapping[str, Any]:
        """What it says of its actions, by name."""
        actions: Mapping[str, Any] = self.described["actions"]
        return actions

    def is_allowed(self, action: str) -> bool:
        """Say whether the user lets it be called."""
        return bool({ALL, action, f"{self.name}.{action}"} & self.allowed)

    def calls(self) -> dict[str, Any]:
        """Return the actions that may be called, with parameters that should fit.

        Raises `CheckSkipped` if there are none.
        """
        calls = {}
        for action, details in self.actions.items():
            if not self.is_allowed(action):
                continue
            for key in (f"{self.name}.{action}", action):
                if key in self.params:
                    calls[action] = self.params[key]
                    break
            else:
                calls[action] = self._sample(action, details)
        if not calls:
            raise CheckSkipped("calls may have effects: name the actions to call with --call")
        return calls

    def _sample(self, action: str, details: Mapping[str, Any]) -> Any:
        try:
            return sample(details.get("params"))
        except NoSampleError:
            raise CheckFailed(
                f"no parameters for {action!r} can be made from its schema",
                "Give `examples` in the schema, or parameters with --params",
            ) from None

    def refused_calls(self) -> Iterator[tuple[str, str, Any]]:
        """Give calls that must fail and so have no effects: action, what is wrong, parameters."""
        if self.described["category"] == "connection":
            yield UNKNOWN_ACTION, "an unknown action", {}
        for action, details in self.actions.items():
            if details.get("params"):
                yield from ((action, *misfit) for misfit in misfits(details["params"]))

    def call(self, manager: PluginManager, action: str, params: Any) -> Any:
        """Call an action and wait; an error that is none of ours is a `CheckFailed`."""
        try:
            if self.described["category"] == "action":
                return manager.execute_sync(self.name, params)
            return manager.perform_action(self.name, action, params)
        except PluginPanicError as error:
            raise CheckFailed(
                f"{action!r} panicked: {error.message}", "Return an error instead of panicking"
            ) from error
        except PluginError:
            raise
        except Exception as error:
            raise CheckFailed(
                f"{action!r} raised a bare {type(error).__name__}: {error}"
            ) from error

    def outcome(self, manager: PluginManager, action: str, params: Any) -> PluginError | None:
        """Call an action for whether it fails, and with what."""
        try:
            self.call(manager, action, params)
        except PluginError as error:
            return error
        return None
