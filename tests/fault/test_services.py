"""What plugins ask of a host that is gone, going, or somewhere else. In child processes."""

from __future__ import annotations

import shutil
from pathlib import Path
from textwrap import dedent

import pytest

LIBRARY = Path(__file__).parents[2] / "target/release/libzerepy_fixture_services.so"

HEAD = """
    import gc, logging, os, signal, sys, threading, time
    from zerepy_plugins import Event, PluginManager
    from zerepy_plugins.errors import PluginError, PluginExecutionError

    signal.alarm(40)  # a hang dies of it
    logging.getLogger("zerepy_plugins").addHandler(logging.NullHandler())
    manager = PluginManager(sys.argv[1], entry_points=False)
    manager.load_plugins()
    manager.start_plugins()
    heard = []
    manager.events.subscribe("*", heard.append)

    def call(action, plugin, there, params=None):
        target = {"plugin": plugin, "action": there, "params": params}
        return manager.perform_action("caller", action, target)

    def until(check):
        while not check():
            time.sleep(0.001)
"""


@pytest.fixture
def check(run_child, tmp_path):
    shutil.copy(LIBRARY, tmp_path)

    def run(code: str) -> None:
        result = run_child(dedent(HEAD) + dedent(code), tmp_path)
        assert (result.returncode, result.stdout, result.stderr) == (0, "", "")

    return run


HAUNTED = """
    for _ in range(3):
        manager.perform_action("talker", "haunt")
    until(lambda: any(event.name == "haunted" for event in heard))
"""


def test_a_haunted_exit(check):
    for _ in range(3):
        check(HAUNTED)


def test_a_haunted_exit_of_a_plugin_that_was_stopped(check):
    check(HAUNTED + "    manager.stop_plugins(); time.sleep(0.05)\n")


def test_an_exit_without_a_manager(check):
    check(HAUNTED + "    del manager; gc.collect(); time.sleep(0.05)\n")


def test_a_stopped_plugin_is_served_no_more(check):
    code = """
    manager.stop_plugins()
    counted = manager.monitor.metrics("talker")["haunted"]["value"]
    def quiet():  # what was published before has been delivered
        before = len(heard)
        time.sleep(0.05)
        return len(heard) == before
    until(quiet)
    assert manager.monitor.metrics("talker")["haunted"]["value"] == counted
    """
    check(HAUNTED + code)


def test_an_exit_while_a_handler_is_busy(check):
    code = """
    entered = threading.Event()
    def handler(event):
        entered.set()
        time.sleep(0.3)
    manager.events.subscribe("said", handler)
    manager.perform_action("talker", "say", {"name": "said"})
    entered.wait()
    """
    check(code)


def test_an_exit_while_a_plugin_waits_for_another(check):
    code = """
    work = lambda: call("call", "caller2", "work", {"seconds": 60})
    caller2 = type("Caller2", (type(manager["caller"]),), {"name": "caller2"})
    manager.registry.register("connection", "caller2", caller2)
    manager.load_plugins(); manager.start_plugins()
    threading.Thread(target=work, daemon=True).start()
    until(lambda: manager.monitor.stats("caller2").in_flight)
    """
    check(code)


def test_records_of_the_last_moment_arrive(run_child, tmp_path):
    shutil.copy(LIBRARY, tmp_path)
    code = """
    logging.basicConfig(stream=sys.stdout, format="%(message)s")
    manager.perform_action("talker", "log_later", {"text": "last words"})
    time.sleep(0.1)
    """
    result = run_child(dedent(HEAD) + dedent(code), tmp_path)
    assert (result.returncode, result.stderr) == (0, "")
    assert result.stdout.splitlines() == ["last words", "traced elsewhere"]


def test_a_forked_child_is_refused_and_ends(check):
    code = """
    import warnings
    warnings.simplefilter("ignore", DeprecationWarning)  # that there are threads is the point
    manager.perform_action("talker", "say", {"name": "said"})
    until(lambda: any(event.name == "said" for event in heard))
    child = os.fork()
    if child == 0:
        try:
            for action in ("call", "call_inline"):
                try:
                    call(action, "talker", "heard")
                except PluginError as error:
                    assert "forked" in str(error), error
                else:
                    os._exit(2)
            manager.events.publish(Event("talk.a", {}, "me"))
        except BaseException:
            os._exit(1)
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    """
    check(code)


def test_ctrl_c_tells_a_blocking_call(check):
    code = """
    def interrupt():
        until(lambda: manager.perform_action("caller", "began"))
        signal.raise_signal(signal.SIGINT)

    threading.Thread(target=interrupt).start()
    try:
        manager.perform_action("caller", "work", {"seconds": 60})
    except KeyboardInterrupt:
        pass
    else:
        raise SystemExit("it was not interrupted")
    until(lambda: manager.perform_action("caller", "gave_up") == 1)
    """
    check(code)


def test_a_plugin_that_lags_behind_misses_events_which_are_counted_and_told_of_once(check):
    check("""
        manager.perform_action("talker", "listen_forever", {"text": "much"})
        texts, go_on = [], threading.Event()
        keep = logging.Handler()
        keep.emit = lambda record: texts.append(record.getMessage())
        logging.getLogger("zerepy_plugins").addHandler(keep)
        manager.events.subscribe("halt", lambda event: go_on.wait(30))
        manager.perform_action("talker", "say", {"name": "halt"})
        for _ in range(10_100):
            manager.events.publish(Event("much", {}, "me"))
        dropped = manager.events.stats()["dropped"]
        go_on.set()
        until(lambda: len(manager.perform_action("talker", "heard")) == 10_100 - dropped)
        manager.stop_plugins()
        assert 100 <= dropped <= 101, dropped
        assert sum("dropped" in text for text in texts) == 1, texts
    """)
