"""`zpl dev`: edits take over while it runs."""

from __future__ import annotations

import queue
import signal
import subprocess
import sys
import threading

import pytest

WAIT = 20  # seconds; generous: a line that needs it never comes


class Dev:
    """A running `zpl dev`, and what it prints."""

    def __init__(self, *args: object) -> None:
        command = [
            sys.executable,
            "-X",
            "faulthandler",
            "-m",
            "zerepy_plugins",
            "dev",
            "--interval",
            "0.05",
            *args,
        ]
        self.process = subprocess.Popen(
            [str(part) for part in command],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            # Whatever runs these tests in the background may have switched it off.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self.lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self) -> None:
        with self.process.stdout as out:
            for line in out:
                self.lines.put(line.decode().rstrip())

    def expect(self, *parts: str) -> str:
        seen = []
        while not seen or not all(part in seen[-1] for part in parts):
            try:
                seen.append(self.lines.get(timeout=WAIT))
            except queue.Empty:
                pytest.fail(f"{parts} never came; it printed {seen}")
        return seen[-1]

    def end(self) -> int:
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(WAIT)
        except subprocess.TimeoutExpired:
            self.process.send_signal(signal.SIGABRT)  # it says where it hangs
            return self.expect("never printed")


@pytest.fixture
def dev():
    started = []

    def start(*args: object) -> Dev:
        started.append(Dev(*args))
        return started[-1]

    yield start
    for session in started:
        session.process.kill()
        session.process.wait()


def test_edits_take_over_or_are_told(dev, plugin_dir, tmp_path):
    config = tmp_path / "config.toml"
    config.write_text("")
    plugin_dir.connection("a.py", "a", cleanup="def cleanup(self): print('cleaned', flush=True)")
    session = dev("--plugins", plugin_dir.path, "--config", config)
    session.expect("running: a; waiting for edits")
    plugin_dir.connection("a.py", "a", version="2.0.0")
    session.expect("a: reloaded, 2.0.0, in")
    plugin_dir.connection("a.py", "a", head="def")
    session.expect("a: ", "SyntaxError")
    plugin_dir.connection("b.py", "b", head="import nothing_like_that")
    session.expect("broken: b, at import")
    plugin_dir.connection("b.py", "b")
    session.expect("b: started b")
    config.write_text("[b.config.options]\nx = 1\n")
    session.expect("configuration: applied b: options")
    config.write_text("[b")
    session.expect("configuration: ", "config.toml")
    assert session.end() == 0
    session.expect("stopping")
