"""A connection that does nothing of its own accord: what a test's plugins need not say again."""

from __future__ import annotations

from zerepy_plugins import ConnectionPlugin


class Quiet(ConnectionPlugin):
    version = "1.0.0"

    def initialize(self, config):
        pass

    def cleanup(self):
        pass

    def is_configured(self):
        return True

    def configure(self):
        return True
