from __future__ import annotations

from textwrap import dedent

import pytest

from zerepy_plugins.compat.project import Project, find_project
from zerepy_plugins.errors import PluginConfigError

CHAIN = """
    from src.connections.a_connection import AConnection
    from .connections.b_connection import BConnection as B
    from src.other import Other

    class ConnectionManager:
        @staticmethod
        def _class_name_to_type(class_name: str):
            if class_name == "a":
                return AConnection
            elif class_name == "b" or "bee" == class_name:
                return B
            return None
"""
MATCH = """
    from src.connections.a_connection import AConnection

    def _class_name_to_type(self, class_name):
        match class_name:
            case "a" | "first":
                return AConnection
            case _:
                return None
"""


@pytest.fixture
def project(tmp_path):
    (tmp_path / "src" / "connections").mkdir(parents=True)
    (tmp_path / "agents").mkdir()
    return Project(tmp_path)


def _manager(project, text):
    (project.root / "src" / "connection_manager.py").write_text(dedent(text))


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (
            CHAIN,
            {
                "a": ("src.connections.a_connection", "AConnection"),
                "b": ("src.connections.b_connection", "BConnection"),
                "bee": ("src.connections.b_connection", "BConnection"),
            },
        ),
        (
            MATCH,
            {
                "a": ("src.connections.a_connection", "AConnection"),
                "first": ("src.connections.a_connection", "AConnection"),
            },
        ),
        ("class Broken(", {}),
    ],
)
def test_the_projects_own_table_is_read(project, text, found):
    _manager(project, text)
    read = {name: (s.module, s.class_name) for name, s in project.connections().items()}
    assert read == found


def test_files_that_nobody_names_are_found_by_their_names(project):
    _manager(project, CHAIN)
    for name in ("base", "a", "extra"):
        (project.root / "src" / "connections" / f"{name}_connection.py").touch()
    assert list(project.connections()) == ["a", "b", "bee", "extra"]
    assert project.connections()["extra"].class_name is None


@pytest.mark.parametrize("text", ["{", "[]", '{"config": {}}', '{"config": ["openai"]}'])
def test_a_file_of_an_agent_that_is_none_is_said(project, text):
    assert project.agent_config() == []
    (project.root / "agents" / "example.json").write_text(text)
    with pytest.raises(PluginConfigError, match=r"agents/example\.json"):
        project.agent_config()


@pytest.mark.parametrize(
    ("register", "nested"),
    [
        ("", True),
        ('def _register_connection(self, d): return make(d["config"])', True),
        ('def _register_connection(self, d): return make(d.get("config"))', True),
        ("def _register_connection(self, d): return make(d)", False),
    ],
)
def test_a_nested_config_is_passed_on_if_the_project_does(project, register, nested):
    _manager(project, register)
    item = {"name": "a", "config": {"x": 1}}
    assert project.settings_of(item) is (item["config"] if nested else item)
    flat = {"name": "a", "x": 1}
    assert project.settings_of(flat) is flat


def test_a_project_is_known_by_its_files(tmp_path):
    assert find_project(tmp_path) is None
    (tmp_path / "src" / "connections").mkdir(parents=True)
    assert find_project(tmp_path) is None
    (tmp_path / "src" / "connection_manager.py").touch()
    assert find_project(tmp_path) == Project(tmp_path.resolve())
