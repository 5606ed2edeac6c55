"""`zpl validate`: what good plugins pass, each way to fail, and children that crash or hang."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from zerepy_plugins.cli.validate.child import CHECKS
from zerepy_plugins.cli.validate.runner import Runner
from zerepy_plugins.cli.validate.samples import fits

if TYPE_CHECKING:
    from collections.abc import Callable

PARAMS = {"type": "object", "required": ["text"], "properties": {"text": {"type": "string"}}}
TYPED = f"actions = {{'say': {{'params': {PARAMS!r}, 'result': {{'type': 'string'}}}}}}"
STRICT = """
def perform_action(self, action, params):
    if action != "say" or not isinstance(params.get("text"), str):
        raise ValueError("wrong")
    return params["text"]
"""
WAIT_SECONDS = 30  # for what happens at once


@pytest.fixture
def runner(plugin_dir, tmp_path: Path) -> Runner:
    (tmp_path / "scratch").mkdir()
    return Runner(plugin_dir.path, tmp_path / "scratch", None, ["all"], {}, 20)


def verdict(runner: Runner, check: str, plugin: str = "p") -> tuple[str, str]:
    outcome = runner.check(check, plugin)
    return outcome.verdict.value, outcome.reason


@pytest.fixture
def failed(plugin_dir, runner) -> Callable[..., str]:
    """Make a plugin of these members and check it; returns why it failed."""

    def check(check: str, head: str = "", seconds: float = 20, **members: str) -> str:
        members.setdefault("actions", TYPED)
        members.setdefault("perform_action", STRICT)
        version = members.pop("version", "1.0.0")
        plugin_dir.connection("p.py", "p", version=version, head=head, **members)
        state, reason = verdict(replace(runner, seconds=seconds), check)
        assert state == "failed", reason
        return reason

    return check


def test_good_twins_pass_every_check_that_applies(twin_dirs, runner, kind):
    runner = replace(runner, directory=twin_dirs[kind], seconds=60)
    outcomes = {check: verdict(runner, check, "shout") for check in CHECKS}
    states = {check: state for check, (state, _) in outcomes.items()}
    skipped = {"configuration"} | (set() if kind == "python" else {"cancellation"})
    assert states == {check: "skipped" if check in skipped else "ok" for check in CHECKS}, outcomes


def test_async_actions_of_rust_can_be_cancelled(runner, tmp_path, pytestconfig):
    library = pytestconfig.rootpath / "target" / "release" / "libzerepy_fixture_tasks.so"
    (runner.directory / "tasks.so").symlink_to(library)
    assert verdict(runner, "cancellation", "later") == ("ok", "")


def test_declarations(failed, plugin_dir, runner):
    assert "'one' does not follow PEP 440" in failed("declaration", version="one")
    broken = "actions = {'say': {'params': {'type': 'nothing'}}}"
    assert "the params schema of 'say'" in failed("declaration", actions=broken)
    plugin_dir.connection("p.py", "p", actions=TYPED)
    outcome = runner.check("declaration", "p")
    assert outcome.verdict == "ok"
    assert "it has no description" in outcome.warnings
    assert "the parameter 'text' of 'say' has no description" in outcome.warnings


def test_a_second_life_that_fails(failed):
    once = "def initialize(self, config):\n    OPEN.append(1)\n    assert len(OPEN) == 1"
    assert "AssertionError" in failed("lifecycle", head="OPEN = []", initialize=once)
    assert "not healthy" in failed("lifecycle", health="def health(self): return False")


@pytest.mark.parametrize(
    ("what", "leak"),
    [
        ("memory grew", "KEPT.append(bytearray(200_000))"),
        ("open files", "KEPT.append(open('/dev/null'))"),
        ("threads", "threading.Thread(target=threading.Event().wait, daemon=True).start()"),
    ],
)
def test_what_is_left_behind_is_told(failed, what, leak):
    initialize = f"def initialize(self, config): {leak}"
    assert what in failed("leaks", head="import threading\nKEPT = []", initialize=initialize)


def test_defaults_that_do_not_fit(failed):
    options = {"properties": {"size": {"type": "integer", "default": "large"}}}
    schema = {"properties": {"options": options}}
    reason = failed("configuration", config_schema=f"config_schema = {schema!r}")
    assert "the default of the option 'size'" in reason


def test_wrong_options_are_refused_by_what_the_schema_says(plugin_dir, runner):
    options = {"required": ["size"], "properties": {"size": {"type": "integer"}}}
    schema = {"properties": {"options": {"type": "object", **options}}, "required": ["options"]}
    plugin_dir.connection("p.py", "p", config_schema=f"config_schema = {schema!r}")
    assert verdict(runner, "configuration") == ("ok", "")
    state, reason = verdict(runner, "lifecycle")
    assert state == "skipped"
    assert "--config" in reason
    config = plugin_dir.write("../config.json", '{"p": {"config": {"options": {"size": 1}}}}')
    assert verdict(replace(runner, config=config), "lifecycle") == ("ok", "")


def test_a_failed_initialize_that_is_never_forgotten(failed):
    initialize = """
    def initialize(self, config):
        if hasattr(self, "broken"):
            raise RuntimeError("still broken")
        self.broken = True
        config.get("options", {}).get("a")
        del self.broken
    """
    assert "still broken" in failed("recovery", initialize=initialize)


def test_garbage_that_is_taken(failed):
    taken = "def perform_action(self, action, params): return 'x'"
    assert "an action that it does not have" in failed("garbage", perform_action=taken)
    known = STRICT.replace(' or not isinstance(params.get("text"), str)', "")
    reason = failed("garbage", perform_action=known.replace('params["text"]', "'x'"))
    assert "'say' takes" in reason
    assert "which its schema refuses" in reason


def test_results_that_do_not_fit(failed):
    reason = failed("results", perform_action=STRICT.replace('return params["text"]', "return 1"))
    assert "the result of 'say' does not fit its schema" in reason


def test_parameters_that_no_schema_can_give(plugin_dir, runner):
    actions = TYPED.replace("'type': 'string'}}}", "'type': 'string', 'pattern': '^0x'}}}", 1)
    plugin_dir.connection("p.py", "p", actions=actions, perform_action=STRICT)
    state, reason = verdict(runner, "results")
    assert (state, "can be made from its schema" in reason) == ("failed", True)
    for key in ("say", "p.say"):
        given = replace(runner, params={key: {"text": "0x1"}})
        assert verdict(given, "results") == ("ok", "")


def test_a_plugin_that_breaks_under_many_calls(failed):
    head = "import threading, time\nfrom zerepy_plugins.errors import PluginPanicError\nINSIDE = []"
    races = """
    def perform_action(self, action, params):
        INSIDE.append(1)
        time.sleep(0.001)
        if len(INSIDE) > 1:
            raise PluginPanicError("two at once")
        INSIDE.clear()
        return "x"
    """
    assert "two at once" in failed("concurrency", head=head, perform_action=races)


def test_a_call_that_cannot_be_given_up(failed):
    stubborn = """
    async def perform_action(self, action, params):
        end = time.monotonic() + 60
        while time.monotonic() < end:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                pass
    """
    head = "import asyncio, time"
    reason = failed("cancellation", head=head, seconds=3, perform_action=stubborn)
    assert "go on after they were cancelled" in reason


@pytest.mark.parametrize(
    ("does", "expected"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "the process died of SIGSEGV"),
        ("os.abort()", "the process died of SIGABRT"),
        ("os._exit(0)", "exit code 0"),
    ],
)
def test_a_crash_is_named_with_what_was_being_done(failed, does, expected):
    crashes = f"def perform_action(self, action, params): {does}"
    reason = failed("garbage", head="import os, signal", perform_action=crashes)
    assert reason.startswith(expected)
    assert "while calling 'an_action_that_no_plugin_has' with an unknown action" in reason


def test_a_hang_is_ended_with_all_that_it_started(failed, tmp_path):
    hangs = f"""
    def perform_action(self, action, params):
        child = subprocess.Popen(["sleep", "600"])
        open({str(tmp_path / "pids")!r}, "w").write(f"{{os.getpid()}} {{child.pid}}")
        child.wait()
    """
    reason = failed("garbage", head="import os, subprocess", seconds=2, perform_action=hangs)
    assert "it did not end within 2 s" in reason
    assert_gone((tmp_path / "pids").read_text().split())


def assert_gone(pids) -> None:
    end = time.monotonic() + WAIT_SECONDS
    for pid in pids:
        stat = Path(f"/proc/{pid}/stat")
        while stat.exists() and stat.read_text().rpartition(")")[2].split()[0] != "Z":
            assert time.monotonic() < end
            time.sleep(0.01)


@pytest.mark.parametrize("check", ["garbage", "isolation", "concurrency", "cancellation"])
def test_without_leave_nothing_is_called_that_might_do_something(
    plugin_dir, runner, tmp_path, check
):
    log = tmp_path / "log"
    logs = f"""
    def perform_action(self, action, params):
        shown = params if len(str(params)) < 99 else "large"
        with open({str(log)!r}, "a") as log:
            print(json.dumps([action, shown]), file=log)
        raise ValueError("wrong")
    """
    plugin_dir.connection("p.py", "p", head="import json", actions=TYPED, perform_action=logs)
    state, reason = verdict(replace(runner, allowed=[]), check)
    if check == "cancellation":
        assert (state, log.exists()) == ("skipped", False)
        return
    assert state == "ok", reason
    called = [json.loads(line) for line in log.read_text().splitlines()]
    assert called
    for action, params in called:
        assert action != "say" or not fits(PARAMS, params)


def zpl(*args: object, cwd: Path) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "zerepy_plugins", "validate", *map(str, args)],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"TMPDIR": str(cwd)},
    )


def test_ctrl_c_ends_the_children_and_leaves_nothing(plugin_dir, tmp_path):
    (tmp_path / "work").mkdir()
    pid = tmp_path / "pid"
    head = f"import os, time\nopen({str(pid)!r}, 'w').write(str(os.getpid()))\ntime.sleep(600)"
    file = plugin_dir.connection("p.py", "p", head=head)
    process = zpl(file, cwd=tmp_path / "work")
    end = time.monotonic() + WAIT_SECONDS
    while not (pid.is_file() and pid.read_text()):
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == 130
    assert_gone([pid.read_text()])
    assert list((tmp_path / "work").iterdir()) == []


def test_broken_plugins_are_told_beside_good_ones(plugin_dir, tmp_path):
    plugin_dir.write("broken.py", "raise RuntimeError('not today')")
    plugin_dir.write("library.so", "text")
    process = zpl(plugin_dir.path, "--json", cwd=tmp_path)
    output, errors = process.communicate(timeout=WAIT_SECONDS)
    rows = json.loads(output)
    assert (process.returncode, errors) == (1, "")
    assert [(row["plugin"], row["check"], row["verdict"]) for row in rows] == [
        ("broken", "load", "failed"),
        ("library", "load", "failed"),
    ]
    assert "not today" in rows[0]["reason"]
    assert rows[1]["hint"]


def test_a_single_file_is_called_by_its_own_name(plugin_dir, tmp_path):
    file = plugin_dir.write("broken.py", "import os\nos.abort()")
    output, _ = zpl(file, cwd=tmp_path).communicate(timeout=WAIT_SECONDS)
    assert "SIGABRT" in output
    file.write_text("raise RuntimeError")
    output, _ = zpl(file, cwd=tmp_path).communicate(timeout=WAIT_SECONDS)
    assert str(file) in output
    assert "0 ok, 1 FAILED, 0 skipped" in output


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--call", "sya"], 2, "there is no action 'sya'; known: p.say, say"),
        (["--params", "../text.json"], 2, "is not JSON"),
        (["--timeout", "0"], 2, "--timeout"),
    ],
)
def test_a_wrong_command_line(plugin_dir, tmp_path, arguments, code, text):
    plugin_dir.connection("p.py", "p", actions=TYPED)
    plugin_dir.write("../text.json", "text")
    process = zpl(".", *arguments, cwd=plugin_dir.path)
    _, errors = process.communicate(timeout=WAIT_SECONDS)
    assert process.returncode == code
    assert text in " ".join(errors.split())


def test_a_place_without_plugins(tmp_path):
    process = zpl(tmp_path, cwd=tmp_path)
    assert "there is no plugin in" in process.communicate(timeout=WAIT_SECONDS)[1]
    assert process.returncode == 1
