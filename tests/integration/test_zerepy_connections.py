"""ZerePy's connection manager, with the same answers, and what it lacks."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import pytest


def test_calls_return_and_log_what_they_did(zerepy):
    told = zerepy().tell("""
        cm = manager_of("openai", "twitter", "debridge", "solana")
        records.clear()
        out = [
            cm.perform_action(connection_name="openai", action_name="generate-text",
                              params=["a", "b"]),
            cm.perform_action("twitter", "read-timeline", []),
            cm.perform_action("twitter", "read-timeline", {}),
            cm.perform_action("twitter", "read-timeline", ["3", "left out"]),
            cm.perform_action("debridge", "bridge", ["twitter"]),
            cm.get_model_providers(),
            cm.list_connections(),
            list(cm.list_actions(connection_name="twitter")),
        ]
        tell([out, records])
    """)
    assert told[0] == [
        "gpt-3.5-turbo: a",
        [*range(10)],
        [*range(10)],
        [0, 1, 2],
        [0, 1],
        ["openai"],
        {"openai": True, "twitter": True, "debridge": True, "solana": True},
        ["post-tweet", "read-timeline", "tag"],
    ]
    assert told[1] == [
        "\nAVAILABLE CONNECTIONS:",
        "- openai: ✅ Configured",
        "- twitter: ✅ Configured",
        "- solana: ✅ Configured",
        "- debridge: ✅ Configured",
        "\n✅ twitter is configured. You can use any of its actions.",
        "\nAVAILABLE ACTIONS:",
        "- post-tweet: Post a tweet",
        "  Parameters:",
        "    - message (required): The text",
        "- read-timeline: Read tweets",
        "  Parameters:",
        "    - count (optional): How many",
        "- tag: Tag people",
        "  Parameters:",
        "    - names (required): Whom",
    ]


CALLS = """
    import os
    cm = manager_of("openai", "twitter", "evm", "solana")
    def not_configured():
        del os.environ["OPENAI_API_KEY"]
        cm.connections["openai"].is_configured(fresh=True)
        return cm.perform_action("openai", "check-model", ["x"], errors=mode)
    calls = [
        lambda: cm.perform_action("nope", "x", [], errors=mode),
        lambda: cm.perform_action("evm", "x", [], errors=mode),
        lambda: cm.perform_action("twitter", "x", [], errors=mode),
        lambda: cm.perform_action("twitter", "post-tweet", [], errors=mode),
        lambda: cm.perform_action("twitter", "read-timeline", ["many"], errors=mode),
        lambda: cm.perform_action("openai", "check-model", ["x"], errors=mode),
        not_configured,
    ]
    out = []
    for call in calls:
        records.clear()
        try:
            out.append([call(), *records])
        except Exception as error:
            out.append([type(error).__name__, str(error), type(error.__cause__).__name__])
    tell(out)
"""


def test_what_goes_wrong_is_logged_as_it_was(zerepy):
    tried = "\nAn error occurred while trying action {} for {} connection: {}"
    assert zerepy().tell("mode = 'legacy'\n" + _flat(CALLS)) == [
        [None, tried.format("x", "nope", "'nope'")],
        [None, tried.format("x", "evm", "'evm'")],
        [None, "\nError: Unknown action 'x' for connection 'twitter'"],
        [None, "\nError: Missing required parameters: message"],
        [
            None,
            tried.format(
                "read-timeline", "twitter", "Invalid parameters: Invalid type for count: int"
            ),
        ],
        [None, tried.format("check-model", "openai", "no model x")],
        [None, "\nError: Connection 'openai' is not configured"],
    ]


def test_or_raised_if_asked_for(zerepy):
    told = zerepy().tell("mode = 'raise'\n" + _flat(CALLS))
    assert [kind for kind, *_ in told] == [
        "PluginNotFoundError",
        "PluginLoadError",
        "PluginNotFoundError",
        "InvalidParamsError",
        "PluginExecutionError",
        "PluginExecutionError",
        "PluginStateError",
    ]
    assert "pip install web3" in told[1][1]
    assert [told[4][2], told[5][2]] == ["ValueError", "RuntimeError"]
    assert "configure-connection openai" in told[6][1]


def _flat(code: str) -> str:
    return "\n".join(line.removeprefix("    ") for line in code.splitlines())


def test_params_of_any_shape_are_made_to_fit_and_the_callers_stay_as_they_are(zerepy):
    told = zerepy().tell("""
        cm = manager_of("openai", "twitter", errors="raise")
        mine = {"prompt": "a", "system_prompt": "b", "temperature": "0.5", "stream": "false"}
        names = ["Ada", "Bob"]
        tell([cm.perform_action("openai", "generate-text", mine), mine,
              cm.perform_action("twitter", "tag", [names]),
              cm.perform_action("twitter", "tag", {"names": '["Ada"]'}),
              cm.connections["twitter"].perform_action("tag", {"names": names}),
              cm.connections["twitter"].perform_action(action_name="read-timeline", kwargs=[1])])
    """)
    mine = {"prompt": "a", "system_prompt": "b", "temperature": "0.5", "stream": "false"}
    text = "gpt-3.5-turbo: a temperature=0.5 stream=False"
    assert told == [text, mine, ["Ada", "Bob"], ["Ada"], ["Ada", "Bob"], [0]]


def test_connections_are_plugins_under_one_lifecycle(zerepy):
    told = zerepy().tell("""
        from zerepy_plugins import ConnectionPlugin
        from src.events import event_bus
        heard = []
        event_bus.subscribe("*", lambda event: heard.append(event.name))
        cm = manager_of("openai", "twitter", "solana")
        config = json.load(open("agents/example.json"))["config"]
        twitter = cm.connections["twitter"]
        cm.perform_action("twitter", "post-tweet", ["hello"])
        try:
            cm.perform_action("solana", "transfer", ["someone", 5], errors="raise")
        except Exception as error:
            failed = str(error)
        twitter.mark = 1
        stats = cm.plugins.monitor.stats("twitter"), cm.plugins.monitor.stats("solana")
        facts = [isinstance(twitter, ConnectionPlugin), twitter.sent, twitter.wrapped.mark,
                 type(twitter.actions["tag"]).__name__, twitter.is_llm_provider,
                 cm.connections["solana"].is_llm_provider, twitter.config["tweet_interval"],
                 [s.state for s in cm.plugins.status()], [s.calls for s in stats],
                 [s.errors for s in stats], cm.plugins["twitter"] is twitter, failed]
        cm.close()
        tell([facts, [name for name in heard if "." in name], len(cm.connections)])
    """)
    facts, heard, left = told
    assert facts[:7] == [True, ["hello"], 1, "Action", False, False, 5400]
    assert facts[7:11] == [["running"] * 3, [1, 1], [0, 1], True]
    assert "5 to someone may have been sent" in facts[11]
    assert heard.count("solana.transfer.start") == 1  # not tried again
    assert {"connection.registered", "twitter.post-tweet.success", "plugin.stopped"} <= {*heard}
    assert left == 0


def test_a_good_answer_to_is_configured_is_kept_for_a_while(zerepy):
    told = zerepy().tell("""
        cm = manager_of("openai")
        from src.connections.openai_connection import checks
        openai, counts = cm.connections["openai"], []
        def count():
            counts.append(len(checks)); checks.clear()
        for _ in range(5): cm.perform_action("openai", "generate-text", ["a", "b"])
        count()
        openai.is_configured(); count()
        openai.is_configured(fresh=True); count()
        openai.is_configured(verbose=True); count()
        cm.perform_action("openai", "check-model", ["x"])  # fails, so it may be no more
        checks.clear()
        openai.is_configured(); count()
        tell(counts)
    """)
    assert told == [1, 0, 1, 1, 1]  # ZerePy asks twice for each action


class TestConfiguring:
    """`configure()` asks, and something answers."""

    @pytest.mark.parametrize(
        ("call", "answer"),
        [
            ('cm.configure_connection("openai", api_key="given")', "given"),
            ('cm.connections["openai"].configure(api_key="given")', "given"),
            ('asyncio.run(cm.configure_connection_async("openai", api_key="given"))', "given"),
            ('asyncio.run(in_loop(api_key="given"))', "given"),
            ('cm.configure_connection("openai", prompts=str.title)', "Enter Your Openai Api Key: "),
        ],
    )
    def test_from_arguments_or_a_callback(self, zerepy, call, answer):
        told = zerepy().tell(f"""
            import asyncio, builtins, os
            cm, real = manager_of("openai", errors="raise"), builtins.input
            async def in_loop(**answers):
                return cm.connections["openai"].configure(**answers)
            if "prompts" in {call!r}: del os.environ["OPENAI_API_KEY"]
            done = {call}
            tell([done, os.environ["OPENAI_API_KEY"], builtins.input is real])
        """)
        assert told == [True, answer, True]

    def test_or_it_fails_instead_of_waiting_for_nobody(self, zerepy):
        told = zerepy().tell("""
            import asyncio, os
            del os.environ["OPENAI_API_KEY"]
            cm = manager_of("openai", "solana", "twitter")
            records.clear()
            async def in_loop():
                try:
                    cm.connections["openai"].configure()
                except Exception as error:
                    return type(error).__name__, str(error)
            error = asyncio.run(in_loop())
            tell([cm.configure_connection("openai"), error,
                  cm.configure_connection("solana", address="mine"),
                  cm.connections["solana"].address, cm.configure_connection("nope"), records])
        """)
        done, error, solana, address, nope, records = told
        assert (done, solana, address, nope) == (False, True, "mine", False)
        assert error[0] == "PluginConfigError"
        assert "'Enter your OpenAI API key:'" in error[1]
        assert records[0].startswith("\nAn error occurred: connection 'openai' asks")
        assert records[1:] == [
            "\n✅ SUCCESSFULLY CONFIGURED CONNECTION: solana",
            "\nUnknown connection. Try 'list-connections' to see all supported connections.",
        ]


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


ASIDE = """
import threading
from zerepy_plugins import ConnectionPlugin

class Aside(ConnectionPlugin):
    name, version = "aside", "1.0.0"

    def initialize(self, config):
        self.thread = threading.current_thread().name

    def cleanup(self):
        pass

    def is_configured(self):
        return True

    def configure(self):
        return True

    def perform_action(self, action, params):
        return self.thread
"""


def test_a_class_is_made_on_the_thread_of_its_caller_and_a_plugin_beside_it_is_not(zerepy):
    project = zerepy()
    path = project.path / "src" / "connections" / "twitter_connection.py"
    thread = "        import threading; self.thread = threading.current_thread().name\n"
    path.write_text(path.read_text().replace("        self.sent = []\n", thread))
    project.write("plugins/aside.py", ASIDE)
    told = project.tell("""
        items = json.load(open("agents/example.json"))["config"] + [{"name": "aside"}]
        cm = ConnectionManager([item for item in items if item["name"] in ("twitter", "aside")])
        tell([cm.connections["twitter"].thread, cm.perform_action("aside", "thread", {})])
    """)
    assert told == ["MainThread", "zerepy-worker"]  # what has a limit runs on a worker


def test_async_actions_are_awaited_on_a_loop_and_without_one(zerepy):
    told = zerepy("fork").tell("""
        import asyncio
        from zerepy_plugins.compat import connection_manager
        config = json.load(open("agents/scout.json"))["config"]
        cm = ConnectionManager(config, errors="raise")
        cm._awaited = False  # as in a project whose own manager is not async
        async def on_loop():
            awaited = await cm.perform_action("radar", "look", ["up"])
            return [awaited, cm.perform_action("radar", "stand", []),
                    await cm.perform_action_async("radar", "stand")]
        tell([cm.perform_action("radar", "look", ["up"]), asyncio.run(on_loop())])
    """)
    assert told == [["up", 5, {}], [["up", 5, {}], "stood", "stood"]]


def test_registered_functions_are_action_plugins(zerepy):
    told = zerepy().tell("""
        import asyncio
        from types import SimpleNamespace
        from src.action_handler import action_registry, execute_action, register_action
        import src.actions.social_actions, src.actions.twitter_actions
        from src.events import event_bus
        heard, agent, records[:] = [], SimpleNamespace(name="A"), []
        event_bus.subscribe("action.*", lambda event: heard.append(event.name))
        def raised(name):
            try:
                execute_action(agent, name)
            except Exception as error:
                return [type(error).__name__, str(error), error.__cause__]
        async def on_loop():
            return await execute_action(agent, "late")
        out = [execute_action(agent, "late", times=2), asyncio.run(on_loop()), raised("fail"),
               execute_action(agent, "nope"), execute_action(agent, "say it", a=1),
               execute_action(agent, "src.actions.social_actions.post-tweet")]
        action_registry["late"] = lambda agent: "exchanged"
        out += [execute_action(agent, "late"), "late" in action_registry]
        tell([out, heard, records])
    """)
    out, heard, records = told
    assert out[:3] == ["AA", "A", ["ValueError", "the action failed", None]]
    assert out[3:] == [None, {"a": 1}, "posted everywhere", "exchanged", True]
    assert heard[:4] == ["action.late.start", "action.late.success"] * 2
    assert heard[4:6] == ["action.fail.start", "action.fail.failure"]
    assert "Action nope not found" in records
    assert any(record.startswith("Action say it runs outside") for record in records)


def test_names_are_read_without_importing_and_unknown_ones_are_said(zerepy):
    told = zerepy().tell("""
        cm = manager_of("twitter")
        loaded = sorted(name for name in sys.modules if name.startswith("src.connections."))
        cm._register_connection({"name": "twiter"})
        cm._register_connection({"name": "openai", "model": 5})
        cm._register_connection({"model": 5})
        cm._register_connection("openai")
        logging.getLogger("zerepy_plugins").propagate = True
        cm._register_connection({"name": "evm"})
        cm.list_actions("evm")
        cm.list_actions("twittr")
        logging.getLogger("zerepy_plugins").propagate = False
        after = records[-5:]
        failed = [record for record in records if record.startswith("Failed to initialize")]
        tell([loaded, list(cm.connections), cm._check_connection("twitter"), failed, after])
    """)
    loaded, there, checked, failed, after = told
    assert loaded == ["src.connections.base_connection", "src.connections.twitter_connection"]
    assert (there, checked) == (["twitter"], True)
    assert failed[0].startswith("Failed to initialize connection twiter: no connection is called")
    assert 'Did you mean "twitter"?' in failed[0]
    assert failed[1] == "Failed to initialize connection openai: model must be a string"
    for text, name in zip(failed[2:4], ("None", "(str)"), strict=True):
        assert text.startswith(f'Failed to initialize connection {name}: an item of "config" has')
    unknown = "\nUnknown connection. Try 'list-connections' to see all supported connections."
    why = "connection 'evm' needs the module 'web3', which is not installed. pip install web3"
    assert after == [
        f"Failed to initialize connection evm: {why}",  # once: not by the host, too
        *(unknown, why),
        *(unknown, "no connection is called 'twittr'. Did you mean \"twitter\"?"),
    ]
