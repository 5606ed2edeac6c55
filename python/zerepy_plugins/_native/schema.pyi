"""JSON Schemas, checked by the core."""

from typing import Any, Self, final

@final
class JsonSchema:
    """A JSON Schema, compiled once.

    Args:
        schema: A ``dict``, of the drafts 4 to 2020-12; it may only refer to itself.

    Raises:
        PluginConfigError: It is no JSON Schema.
    """

    def __new__(cls, schema: Any) -> Self: ...
    def accepts(self, value: Any) -> bool:
        """Say whether a value fits.

        Raises:
            PluginConfigError: The value has no JSON form.
        """

    def problems(self, root: str, value: Any) -> list[dict[str, str]]:
        """List what is wrong with a value; empty if it fits.

        Args:
            root: What the value is called in front of each path.
            value: What JSON can hold.

        Returns:
            For each problem its ``path`` (``params.items[3]``), and in words ``message``,
            ``expected`` and ``got``; values that the schema marks as secret are not quoted.

        Raises:
            PluginConfigError: The value has no JSON form.
        """
