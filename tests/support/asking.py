"""What the fixture plugins `caller` and `talker` are asked to do, and what they say."""

from __future__ import annotations


def call(manager, action, plugin, action_there, params=None, caller="caller"):
    target = {"plugin": plugin, "action": action_there, "params": params}
    return manager.perform_action(caller, action, target)


def heard_by(manager):
    return manager.perform_action("talker", "heard")


def messages(caplog, logger):
    return [record.getMessage() for record in caplog.records if record.name == logger]
