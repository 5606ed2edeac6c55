"""`zpl top`: a manager in a child process shares its numbers, this process reads them."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import socket
import stat
import subprocess
import sys
import time

import pytest
from typer.testing import CliRunner

from zerepy_plugins.cli.app import build_app
from zerepy_plugins.cli.top_table import Rates

PATIENCE = 30  # seconds
ZPL = [sys.executable, "-m", "zerepy_plugins"]

SHARES = """
    import sys
    from zerepy_plugins import PluginManager

    with PluginManager(sys.argv[1], entry_points=False) as manager:
        manager.share_stats()
        for number in range(3):
            manager.perform_action("echo", "echo", {"value": number})
        try:
            manager.perform_action("echo", "fail", {"message": "no luck"})
        except Exception:
            pass
        manager.execute_sync("shout", {"text": "a"})
        print("ready", flush=True)
        sys.stdin.read()
"""


@pytest.fixture
def runtime(tmp_path, monkeypatch):
    """The directory that the sockets are in; it belongs to the test."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    return tmp_path / "zerepy"


@pytest.fixture
def sharing(runtime, child_arguments):
    """Start processes that share the numbers of the twins until their standard input is closed."""
    started = []

    def start(directory):
        arguments = child_arguments(SHARES, directory)
        pipes = dict.fromkeys(("stdin", "stdout"), subprocess.PIPE)
        started.append(subprocess.Popen(arguments, **pipes, text=True))
        assert started[-1].stdout.readline() == "ready\n"
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def child(sharing, twin_dirs):
    """One such process."""
    return sharing(twin_dirs["native"])


def zpl_top(*arguments: str):
    return CliRunner().invoke(build_app(), ["top", *arguments])


def processes(*arguments: str) -> list:
    result = zpl_top("--once", "--json", *arguments)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["processes"]


def test_it_shows_what_another_process_counts(sharing, twins_dir, kind):
    child = sharing(twins_dir)
    [process] = processes()
    assert process["pid"] == child.pid
    plugins = {plugin["name"]: plugin for plugin in process["plugins"]}
    assert sorted(plugins) == ["dependent", "echo", "fragile", "shout"]
    echo = plugins["echo"]
    assert (echo["calls"], echo["errors"], echo["in_flight"]) == (4, 1, 0)
    assert (echo["state"], echo["healthy"]) == ("running", True)
    assert echo["kind"] == ("python" if kind == "python" else "native")
    assert "no luck" in echo["last_error"]
    assert 0 < echo["p50"] <= echo["max"] <= echo["total"]


def test_as_a_table_those_with_most_calls_come_first(child):
    result = zpl_top()  # not a terminal: once
    assert result.exit_code == 0, result.output
    rows = [line.split() for line in result.stdout.splitlines()]
    assert rows[0][:5] == ["pid", "plugin", "state", "health", "calls"]
    assert [row[1] for row in rows[1:3]] == ["echo", "shout"]
    assert rows[1][:6] == [str(child.pid), "echo", "running", "well", "4", "-"]
    assert "no luck" in result.stdout


def test_the_socket_is_its_users_alone_and_gone_at_the_end(child, runtime):
    path = runtime / f"{child.pid}.sock"
    assert stat.S_ISSOCK(path.stat().st_mode)
    assert stat.S_IMODE(runtime.stat().st_mode) == 0o700
    child.communicate("", timeout=PATIENCE)
    assert child.returncode == 0
    assert list(runtime.iterdir()) == []


def test_a_killed_process_leaves_a_socket_that_is_taken_away(child, runtime):
    child.kill()
    child.wait(PATIENCE)
    assert (runtime / f"{child.pid}.sock").exists()
    assert processes() == []
    assert list(runtime.iterdir()) == []


def test_a_process_that_does_not_answer_is_said_to(child, monkeypatch):
    from zerepy_plugins.cli import top_source

    monkeypatch.setattr(top_source, "_TIMEOUT", 0.1)
    child.send_signal(signal.SIGSTOP)
    try:
        [process] = processes()
        assert "does not answer" in process["error"]
        assert f"process {child.pid} does not answer" in zpl_top().stdout
    finally:
        child.send_signal(signal.SIGCONT)


def test_one_process_of_several(child, manager_of, make_connection):
    manager = manager_of(make_connection("mine"))
    manager.share_stats()
    assert [it["pid"] for it in processes()] == sorted([child.pid, os.getpid()])
    [mine] = processes(str(os.getpid()))
    assert [plugin["name"] for plugin in mine["plugins"]] == ["mine"]
    manager.stop_plugins()
    assert [it["pid"] for it in processes()] == [child.pid]


def test_nobody_shares(runtime):
    assert "call share_stats() of its manager" in zpl_top("--once").stdout
    assert processes() == []
    result = zpl_top("4711")
    assert result.exit_code == 1
    assert "process 4711 shares no statistics" in result.output


def test_two_managers_share_one_socket_until_the_last_stops(runtime, manager_of, make_connection):
    first, second = (manager_of(make_connection(name)) for name in ("a", "b"))
    for manager in (first, second, second):  # twice is once
        manager.share_stats()
    [process] = processes()
    assert [plugin["name"] for plugin in process["plugins"]] == ["a", "b"]
    first.stop_plugins()
    [process] = processes()
    assert [plugin["name"] for plugin in process["plugins"]] == ["b"]
    second.stop_plugins()
    assert list(runtime.iterdir()) == []


def test_a_wider_directory_is_made_private(runtime, manager_of, make_connection):
    runtime.mkdir(mode=0o755)
    manager_of(make_connection("a")).share_stats()
    assert stat.S_IMODE(runtime.stat().st_mode) == 0o700


def test_a_directory_that_is_none_is_refused(runtime, tmp_path, manager_of, make_connection):
    runtime.symlink_to(tmp_path, target_is_directory=True)
    with pytest.raises(PermissionError, match="not a directory of this user"):
        manager_of(make_connection("a")).share_stats()


def test_a_path_too_long_for_a_socket_says_what_to_do(
    tmp_path, monkeypatch, manager_of, make_connection
):
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path / ("x" * 100)))
    with pytest.raises(OSError, match="set XDG_RUNTIME_DIR"):
        manager_of(make_connection("a")).share_stats()


def test_a_reader_that_goes_away_harms_nobody(runtime, manager_of, make_connection):
    manager_of(make_connection("a")).share_stats()
    for _ in range(3):
        with socket.socket(socket.AF_UNIX) as rude:
            rude.connect(str(runtime / f"{os.getpid()}.sock"))
    assert len(processes()) == 1


def test_a_fork_does_not_take_the_parents_socket_along(runtime, twin_dirs, run_child):
    code = """
        import os, sys
        from zerepy_plugins import PluginManager

        with PluginManager(sys.argv[1], entry_points=False) as manager:
            manager.share_stats()
            path = f"{os.environ['XDG_RUNTIME_DIR']}/zerepy/{os.getpid()}.sock"
            if (child := os.fork()) == 0:
                import atexit
                atexit._run_exitfuncs()
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            assert os.path.exists(path)
        assert not os.path.exists(path)
    """
    result = run_child(code, twin_dirs["native"])
    assert (result.returncode, result.stderr) == (0, "")


def test_rates_are_calls_between_two_readings():
    def reading(at: float, **calls: int) -> dict:
        plugins = [{"name": name, "calls": count} for name, count in calls.items()]
        return {"pid": 1, "time": at, "plugins": plugins}

    rates = Rates()
    first = rates.add([reading(10.0, a=5, b=9)])
    assert [(row["name"], row["rate"]) for row in first] == [("b", None), ("a", None)]
    second = rates.add([reading(12.0, a=25, b=9)])
    assert [(row["name"], row["rate"]) for row in second] == [("a", 10.0), ("b", 0.0)]
    third = rates.add([reading(12.0, a=25), {"pid": 2, "error": "x", "plugins": []}])
    assert [row["rate"] for row in third] == [None]


class Terminal:
    """`zpl top` on a terminal of its own."""

    def __init__(self) -> None:
        self.master, slave = pty.openpty()
        environment = os.environ | {"TERM": "xterm", "COLUMNS": "160", "LINES": "30"}
        command = [*ZPL, "top", "--interval", "0.1"]
        self.process = subprocess.Popen(
            command,
            stdin=slave,
            stdout=slave,
            stderr=slave,
            env=environment,
            start_new_session=True,
        )
        os.close(slave)
        self.shown = ""

    def read_until(self, text: str) -> None:
        deadline = time.monotonic() + PATIENCE
        while text not in self.shown:
            assert time.monotonic() < deadline, self.shown
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.shown += os.read(self.master, 1 << 16).decode(errors="replace")
                except OSError:  # it has ended
                    break

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self.master)


@pytest.fixture
def terminal(runtime, manager_of, make_connection):
    manager = manager_of(make_connection("watched"))
    manager.start_plugins()
    manager.share_stats()
    terminal = Terminal()
    yield terminal
    terminal.close()


@pytest.mark.parametrize("leave", ["q", "ctrl-c"])
def test_on_a_terminal_it_lives_until_it_is_left(terminal, leave):
    terminal.read_until("watched")
    assert "\x1b[?1049h" in terminal.shown  # the alternate screen
    if leave == "q":
        os.write(terminal.master, b"xq")
    else:
        terminal.process.send_signal(signal.SIGINT)
    assert terminal.process.wait(PATIENCE) == 0
    terminal.read_until("\x1b[?1049l")  # and back
    assert "Traceback" not in terminal.shown
