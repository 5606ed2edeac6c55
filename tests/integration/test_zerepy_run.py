"""Unmodified ZerePy programs run on this package, and are left as they were."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import sys

import pytest


def test_a_program_that_cannot_start_runs_and_what_is_missing_fails_alone(zerepy):
    project = zerepy("main")
    alone = project.program("echo", "up")
    assert alone.returncode != 0  # one missing package, or one broken file, is enough
    hosted = project.zpl("run", "main.py", "list-connections")
    assert hosted.returncode == 0, hosted.stderr
    for line in (
        "Failed to initialize connection evm: connection 'evm' needs the module 'web3', "
        "which is not installed. pip install web3",
        "- openai: ✅ Configured",
        "- debridge: ✅ Configured",
    ):
        assert line in hosted.stderr
    assert "src/connections/broken_connection.py cannot be imported: SyntaxError" in hosted.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "output"),
    [
        (("echo", "--help", "-x", "two words"), 0, "--help -x two words\n"),
        (("exit", "7"), 7, ""),
    ],
)
def test_arguments_and_the_exit_code_are_the_programs(zerepy, arguments, code, output):
    result = zerepy("main").zpl("run", "main.py", *arguments)
    assert (result.returncode, result.stdout) == (code, output)


def test_the_agents_loop_and_its_actions_run_as_before(zerepy):
    project = zerepy("main")
    result = project.zpl("run", "main.py", "loop")
    assert "success: {'posted': 'gpt-3.5-turbo: Generate a tweet.'}" in result.stderr
    assert "takes the place of the one of src.actions.social_actions" in result.stderr
    result = project.zpl("run", "main.py", "agent-action", "openai", "generate-text", "a", "b", "1")
    assert "Result: gpt-3.5-turbo: a temperature=1.0" in result.stderr


def test_one_line_at_the_top_does_the_same(zerepy):
    project = zerepy("main")
    program = (project.path / "main.py").read_text()
    line = "import zerepy_plugins.compat; zerepy_plugins.compat.install()\n"
    project.write("main.py", line + program)
    result = project.program("agent-action", "twitter", "tag", '["Ada"]')
    assert result.returncode == 0, result.stderr
    assert "Result: ['Ada']" in result.stderr


def test_a_person_at_a_terminal_is_asked_although_the_environment_knows(zerepy):
    project = zerepy("main")
    person, terminal = pty.openpty()
    command = [sys.executable, "-m", "zerepy_plugins", "run", "main.py"]
    program = subprocess.Popen(
        [*command, "configure-connection", "openai"],
        cwd=project.path,
        env=os.environ | project.env,
        stdin=terminal,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    os.write(person, b"y\nsk-typed\n")
    output, _ = program.communicate(timeout=60)
    os.close(person)
    os.close(terminal)
    assert "Do you want to reconfigure? (y/n): Enter your OpenAI API key: " in output
    assert "SUCCESSFULLY CONFIGURED CONNECTION: openai" in output


def test_a_fork_with_async_actions_and_a_config_package_of_its_own(zerepy):
    call = ("radar", "look", "north", "3", "false", '[1, "2"]', '{"a": 1}')
    result = zerepy("fork").zpl("run", "main.py", *call)
    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == [
        "fork ['north', 5, {'times': 3, 'deep': False, 'marks': [1, 2], 'extra': {'a': 1}}]",
        "[]",
        "['radar', 'store']",
        "['look', 'stand']",
    ]


def test_the_branchs_program_runs_although_its_own_folders_are_broken(zerepy):
    project = zerepy("branch")
    assert project.program().returncode != 0
    result = project.zpl("run", "main.py")
    assert result.returncode == 0, result.stderr
    told, worked, transfer, categories, heard = result.stdout.splitlines()
    assert told == "[{'start': 3}, ['beside what is ours']]"
    assert worked == "[['clock'], 2]"  # the agent arrived
    assert transfer == "sent, but no answer ['sent']"  # and nothing was sent again
    assert categories == "True"
    assert "warning" not in result.stderr.lower()
    for event in (
        *("plugin.registered", "plugin.initialized", "connection.registered"),
        *("clock.tell.start", "clock.tell.success", "action.work.success"),
        *("action.transfer.failure", "mine", "resource.registered", "resource.cleanup"),
    ):
        assert event in heard.split()


def test_what_the_branchs_own_tests_expect(zerepy):
    options = ("-q", "-W", "error", "-p", "no:cacheprovider", "-p", "no:asyncio")
    result = zerepy("branch")._run("-m", "pytest", *options, "tests/plugin_system.py")
    assert result.returncode == 0, result.stdout
    assert "10 passed" in result.stdout


def test_uninstall_leaves_no_trace(zerepy):
    told = zerepy("main").tell("""
        zerepy_plugins.compat.uninstall()
        for name in [n for n in sys.modules if n.split(".")[0] == "src"]: del sys.modules[name]
        import src.helpers, src.action_handler as theirs
        from src.action_handler import register_action
        before = (list(sys.meta_path), {n: m for n, m in sys.modules.items() if n[:3] == "src"})
        zerepy_plugins.compat.install()
        zerepy_plugins.compat.install()
        import zerepy_plugins.compat.action_handler as ours
        import src.action_handler, src.events.bus, src.plugins.registry
        there = [sys.modules["src.action_handler"] is ours, register_action is ours.register_action,
                 sys.modules["src.events.bus"].__spec__.name, src.helpers.__name__]
        zerepy_plugins.compat.uninstall()
        after = (list(sys.meta_path), {n: m for n, m in sys.modules.items() if n[:3] == "src"})
        back = [src.action_handler is theirs, register_action is theirs.register_action]
        try:
            import src.events
        except ImportError as error:
            back.append(str(error))
        zerepy_plugins.compat.uninstall()
        tell([there, back, before == after, hasattr(src, "events")])
    """)
    there, back, same, has_events = told
    assert there == [True, True, "zerepy_plugins.compat.events.bus", "src.helpers"]
    assert back == [True, True, "No module named 'src.events'"]
    assert (same, has_events) == (True, False)


def test_the_aliases_work_without_a_project(run_child, tmp_path):
    result = run_child(
        """
        import json, zerepy_plugins.compat
        zerepy_plugins.compat.install()
        from src.plugins import PluginRegistry, discover_plugins
        from src.plugins.exceptions import PluginLoadError
        from src.config.validation import AgentConfigValidator
        import zerepy_plugins, src.plugins.base
        assert PluginRegistry is zerepy_plugins.PluginRegistry
        assert src.plugins.base.PluginBase is zerepy_plugins.PluginBase
        """,
        cwd=tmp_path,
    )
    assert (result.returncode, result.stderr) == (0, "")


def test_compat_is_imported_only_when_asked_for(run_child):
    result = run_child("""
        import sys, zerepy_plugins
        assert "zerepy_plugins.compat" not in sys.modules
        import zerepy_plugins.compat
        assert not {"asyncio", "dotenv", "zerepy_plugins.compat.events"} & set(sys.modules)
    """)
    assert (result.returncode, result.stderr) == (0, "")


class TestCommands:
    """`zpl` inside a project."""

    def test_list_and_doctor_show_what_is_missing(self, zerepy):
        project = zerepy("main")
        listed = project.zpl("list", "--json")
        assert listed.returncode == 3
        report = json.loads(listed.stdout)
        names = [plugin["name"] for plugin in report["plugins"]]
        assert names == ["twitter", "openai", "evm", "solana", "debridge", "broken"]
        evm, broken = report["failures"]
        assert (evm["plugin"], evm["stage"], evm["hint"]) == ("evm", "import", "pip install web3")
        assert evm["origin"].endswith("src/connections/evm_connection.py")
        assert broken["plugin"] == "broken"
        doctor = project.zpl("doctor")
        assert doctor.returncode == 3
        assert "2 broken, 4 usable" in doctor.stdout
        assert "hint: pip install web3" in doctor.stdout

    def test_info_shows_schemas_and_who_serves_a_name_and_no_settings(self, zerepy):
        project = zerepy("main")
        described = json.loads(project.zpl("info", "openai", "--json").stdout)
        params = described["actions"]["generate-text"]["params"]
        assert params["required"] == ["prompt", "system_prompt"]
        assert params["properties"]["temperature"]["type"] == "number"
        tag = json.loads(project.zpl("info", "twitter", "--json").stdout)["actions"]["tag"]
        assert tag["params"]["properties"]["names"] == {
            "type": "array", "items": {"type": "string"}, "description": "Whom",
        }  # fmt: skip
        project.write("plugins/solana.py", SOLANA)
        shown = project.zpl("info", "solana").stdout
        assert "1. plugins/solana.py (serves it)" in shown
        assert "2. src/connections/solana_connection.py" in shown
        for command in (("info", "solana"), ("info", "solana", "--json"), ("doctor",), ("list",)):
            result = project.zpl(*command)
            assert "not-to-be-shown" not in result.stdout + result.stderr

    def test_a_file_of_an_agent_that_is_broken_is_one_failure_among_others(self, zerepy):
        project = zerepy("main")
        project.write("agents/example.json", '{"config": [{"name": "openai",}]}')
        project.write("agents/other.json", '{"config": {}}')
        report = json.loads(project.zpl("list", "--json").stdout)
        assert [failure["plugin"] for failure in report["failures"]][:2] == ["evm", "broken"]
        example, other = report["failures"][2:]
        assert (example["origin"], other["origin"]) == ("agents/example.json", "agents/other.json")
        assert "is no JSON: " in example["error"]
        called = project.zpl("call", "twitter", "post-tweet", "--param", "message=a")
        assert (called.returncode, "agents/example.json is no JSON" in called.stderr) == (1, True)

    def test_items_of_an_agent_that_cannot_be_served_fail_alone(self, zerepy):
        project = zerepy("main")
        items = '[{"name": "twiter"}, {"model": "m"}, {"name": ""}, {"name": "a", "type": "mpc"}]'
        project.write("agents/example.json", f'{{"config": {items}}}')
        doctor = project.zpl("doctor")
        assert (doctor.returncode, "6 broken, 4 usable" in doctor.stdout) == (3, True)
        for hint in ('Did you mean "twitter"?', 'Write {"name": "openai"', 'Did you mean "mcp"?'):
            assert f"hint: {hint}" in doctor.stdout

    def test_info_says_what_is_missing(self, zerepy):
        assert "hint: pip install web3" in zerepy("main").zpl("info", "evm").stdout

    def test_call_uses_the_agents_settings(self, zerepy):
        call = ("call", "openai", "generate-text", "--json", '{"prompt": "a", "system_prompt": ""}')
        result = zerepy("main").zpl(*call)
        assert (result.returncode, result.stdout) == (0, '"gpt-3.5-turbo: a"\n')


SOLANA = """
from zerepy_plugins import ConnectionPlugin

class Solana(ConnectionPlugin):
    name, version = "solana", "2.0.0"
    def initialize(self, config): self.options = config["options"]
    def cleanup(self): pass
    def is_configured(self): return True
    def configure(self): return True
    def perform_action(self, action, params): return [action, params, self.options]
"""
