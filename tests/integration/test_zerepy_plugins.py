"""Plugins that an agent's file names, beside the project's own connections."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest


class TestPluginsByName:
    """An agent uses a plugin by writing its name."""

    @pytest.mark.parametrize("kind", ["python", "native", "c"])
    def test_in_its_json(self, zerepy, twin_dirs, kind):
        project = zerepy()
        shutil.copytree(twin_dirs[kind], project.path / "plugins")
        _name(project, {"name": "echo"}, task="shout")
        told = project.tell("""
            from src.agent import ZerePyAgent
            from src.action_handler import execute_action
            agent = ZerePyAgent("example")
            cm, echo = agent.connection_manager, agent.connection_manager.connections["echo"]
            actions = cm.list_actions("echo")
            tell([
                cm.perform_action("echo", "add", ["2", 40]),
                cm.perform_action("echo", "add", {"a": 1, "b": 2}),
                cm.perform_action("echo", "echo", ["kept"]),
                [p.name for p in actions["add"].parameters],
                [echo.is_configured(verbose=True), echo.is_llm_provider, echo.name],
                agent.perform_action(connection="echo", action="sum", params=[[1, 2.5]]),
                echo.perform_action("add", [1, 1]),
                execute_action(agent, "shout", text="hi"),
                cm.perform_action("echo", "add", ["x", 1]),
            ])
        """)
        sums, names, facts = told[:3], told[3], told[4]
        assert (sums, names) == ([42, 3, "kept"], ["a", "b"])
        assert facts == [True, False, "echo"]
        assert told[5:] == [3.5, 2, "HI", None]

    def test_although_it_is_async_and_an_event_loop_runs_whose_caller_does_not_await(
        self, zerepy, sleeper_dirs
    ):
        # As ZerePy's server does it: its paths are async, the agent's methods are not.
        project = zerepy()
        shutil.copytree(sleeper_dirs["native"], project.path / "plugins")
        project.write("plugins/tide.py", TIDE)
        told = project.tell("""
            import asyncio
            from types import SimpleNamespace
            from src.action_handler import execute_action
            async def on_loop():
                cm = ConnectionManager([{"name": n} for n in ("sleeper", "tide", "late")])
                agent = SimpleNamespace(connection_manager=cm)
                out = [cm.perform_action("sleeper", "doze", {"seconds": 0.01}),
                       cm.perform_action("tide", "turn", {"a": 1}),
                       await cm.perform_action_async("tide", "turn", {"a": 1}),
                       cm.connections["tide"].perform_action("turn", {"a": 1}),
                       execute_action(agent, "late", a=1)]
                cm.close()
                return out
            tell([asyncio.run(on_loop()), records])
        """)
        turned = ["turn", {"a": 1}]
        assert told[0] == [0.01, turned, turned, turned, {"a": 1}], told[1]

    def test_goes_before_the_projects_own_class_and_gets_its_settings(self, zerepy):
        project = zerepy()
        project.write(
            "plugins/solana.py",
            """
            from zerepy_plugins import ConnectionPlugin

            class Solana(ConnectionPlugin):
                name, version = "solana", "2.0.0"
                def initialize(self, config): self.options = config["options"]
                def cleanup(self): pass
                def is_configured(self): return True
                def configure(self): return True
                def perform_action(self, action, params): return [action, params, self.options]
            """,
        )
        told = project.tell("""
            logging.getLogger("zerepy_plugins").propagate = True
            cm = manager_of("solana")
            try:
                cm.perform_action("solana", "x", [1], errors="raise")
            except Exception as error:
                listed = type(error).__name__
            tell([cm.perform_action("solana", "x", {"a": 1}), listed, records])
        """)
        options = {"rpc": "https://rpc.example/key/not-to-be-shown"}
        assert told[:2] == [["x", {"a": 1}, options], "InvalidParamsError"]
        (line,) = [record for record in told[2] if "is served by" in record]
        assert line.endswith("plugins/solana.py instead of src/connections/solana_connection.py")
        assert not any("not-to-be-shown" in record for record in told[2])

    def test_of_an_installed_package_or_of_the_users_folder(self, zerepy):
        project = zerepy()
        project.write("site/tides.py", TIDE)
        project.write("site/tides-1.0.dist-info/METADATA", "Name: tides\nVersion: 1.0\n")
        points = "[zerepy.plugins]\ntide = tides:Tide\n"
        project.write("site/tides-1.0.dist-info/entry_points.txt", points)
        project.env["PYTHONPATH"] = str(project.path / "site")
        project.write("../home/.zerepy/plugins/vault.py", VAULT)
        told = project.tell("""
            cm = ConnectionManager([{"name": "tide"}, {"name": "vault", "key": 1}])
            tell([sorted(cm.connections), cm.perform_action("vault", "key", {}),
                  cm.perform_action("tide", "turn", {})])
        """)
        assert told == [["tide", "vault"], 1, ["turn", {}]]

    def test_takes_secrets_from_the_dotenv_file_and_nobody_shows_them(self, zerepy):
        project = zerepy()
        project.write(".env", "KEY_OF_THE_PLUGIN=very-secret\n")
        project.write("plugins/vault.py", VAULT)
        _name(project, {"name": "vault", "key": "${KEY_OF_THE_PLUGIN}"}, task="none")
        told = project.tell("""
            logging.getLogger("zerepy_plugins").propagate = True
            cm = manager_of("vault")
            tell([cm.perform_action("vault", "key", {}), cm.plugins.describe("vault"), records])
        """)
        assert told[0] == "very-secret"
        assert "very-secret" not in json.dumps(told[1:])
        shown = project.zpl("info", "vault")
        assert (shown.returncode, "very-secret" in shown.stdout) == (0, False)

    def test_an_mcp_server_by_its_type(self, zerepy):
        pytest.importorskip("mcp")
        project = zerepy()
        server = Path(__file__).parents[1] / "fixtures" / "mcp" / "server.py"
        command = [sys.executable, "-I", "-S", str(server), str(project.path / "notes")]
        _name(project, {"name": "files", "type": "mcp", "command": command}, task="none")
        told = project.tell("""
            cm = manager_of("files")
            bad = {"name": "bad", "type": "mcp", "command": ["/nothing/of/the/kind"]}
            cm._register_connection(bad)
            cm._register_connection({"name": "odd", "type": "mpc"})
            cm._register_connection({"name": "twitter", "type": "mcp", "tweet_interval": 1,
                                     "timeline_read_count": 1})
            tell([cm.perform_action("files", "read", ["a"]), list(cm.list_actions("files")),
                  type(cm.connections["twitter"].wrapped).__name__, sorted(cm.connections),
                  [text for text in records if text.startswith("Failed")]])
        """)
        assert told[0] == "content of a"
        assert told[1][:2] == ["read", "fs/count"]
        assert told[2:4] == ["TwitterConnection", ["files", "twitter"]]
        bad, odd = told[4]
        assert "cannot connect to MCP server 'bad'" in bad
        assert odd.endswith('there is no plugin type "mpc". Did you mean "mcp"?')
        shown = project.zpl("info", "files")
        assert (shown.returncode, str(server) in shown.stdout) == (0, False)
        assert "origin    plugin type mcp" in shown.stdout

    def test_a_broken_plugin_leaves_the_name_to_the_project(self, zerepy):
        project = zerepy()
        project.write("plugins/twitter.py", "import nothing_of_the_kind\n")
        told = project.tell("""
            cm = manager_of("twitter")
            tell([cm.perform_action("twitter", "tag", [["a"]]), cm.plugins.failures[0].stage])
        """)
        assert told == [["a"], "import"]

    def test_the_hosts_file_and_the_environment_go_before_the_agents_for_a_plugin(self, zerepy):
        project = zerepy()
        project.write("plugins/vault.py", VAULT)
        project.write("zerepy-plugins.toml", '[vault.config.options]\nkey = "from the file"\n')
        told = project.tell("""
            import os
            config = [{"name": "vault", "key": "of the agent", "other": "of the agent"}]
            cm = ConnectionManager(config)
            out = [cm.perform_action("vault", "key", {}),
                   cm.plugins.describe("vault")["config"]["options"]["other"]]
            os.environ["ZEREPY_PLUGIN__VAULT__OPTIONS__KEY"] = "from outside"
            tell([*out, ConnectionManager(config).perform_action("vault", "key", {})])
        """)
        assert told == ["from the file", "of the agent", "from outside"]

    def test_settings_for_the_projects_own_class_are_no_mistake(self, zerepy):
        project = zerepy()
        text = '[solana.config.options]\nrpc = "mine"\n[nope.config.options]\na = 1\n'
        project.write("zerepy-plugins.toml", text)
        told = project.tell("""
            logging.getLogger("zerepy_plugins").propagate = True
            cm = manager_of("solana")
            tell([cm.connections["solana"].config["rpc"], records])
        """)
        assert told[0] == "mine"
        warnings = [text for text in told[1] if "does not exist" in text]
        assert [text.split('"')[1] for text in warnings] == ["nope"]
        assert project.zpl("list").stderr.count("does not exist") == 1

    def test_the_file_of_the_host_and_the_environment_go_before_the_agents(self, zerepy):
        project = zerepy()
        project.write("zerepy-plugins.toml", '[openai.config.options]\nmodel = "from the file"\n')
        told = project.tell("""
            import os
            first = manager_of("openai").perform_action("openai", "generate-text", ["a", "b"])
            os.environ["ZEREPY_PLUGIN__OPENAI__OPTIONS__MODEL"] = "from outside"
            cm = manager_of("openai")
            second = cm.perform_action("openai", "generate-text", ["a", "b"])
            tell([first, second])
        """)
        assert told == ["from the file: a", "from outside: a"]

    def test_the_hosts_file_limits_the_calls_of_a_projects_class(self, zerepy):
        project = zerepy()
        project.write("zerepy-plugins.toml", "[twitter.config.options]\ntimeout = 0.2\n")
        path = project.path / "src" / "connections" / "twitter_connection.py"
        path.write_text(path.read_text().replace("return names", "__import__('time').sleep(1)"))
        told = project.tell("""
            cm = manager_of("twitter", errors="raise")
            try:
                cm.perform_action("twitter", "tag", [["a"]])
            except Exception as error:
                tell([type(error).__name__, sorted(cm.connections["twitter"].config)])
        """)
        assert told == ["PluginTimeoutError", ["name", "timeline_read_count", "tweet_interval"]]


TIDE = """
import asyncio
from zerepy_plugins import ActionPlugin, ConnectionPlugin

class Waits:
    version = "1.0.0"
    async def initialize(self, config): await asyncio.sleep(0)
    async def cleanup(self): await asyncio.sleep(0)

class Tide(Waits, ConnectionPlugin):
    name = "tide"
    def is_configured(self): return True
    def configure(self): return True
    async def perform_action(self, action, params):
        await asyncio.sleep(0)
        return [action, params]

class Late(Waits, ActionPlugin):
    name = "late"
    def validate_params(self, params): return []
    async def execute(self, params):
        await asyncio.sleep(0)
        return params
"""
VAULT = """
from zerepy_plugins import ConnectionPlugin

class Vault(ConnectionPlugin):
    name, version = "vault", "1.0.0"
    def initialize(self, config): self.key = config["options"]["key"]
    def cleanup(self): pass
    def is_configured(self): return True
    def configure(self): return True
    def perform_action(self, action, params): return self.key
"""


def _name(project, item, task):
    path = project.path / "agents" / "example.json"
    agent = json.loads(path.read_text())
    agent["config"].append(item)
    agent["tasks"] = [{"name": task, "weight": 1}]
    path.write_text(json.dumps(agent))
