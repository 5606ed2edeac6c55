"""ZerePy's connection manager, with the same answers, and what it lacks."""

from __future__ import annotations

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
