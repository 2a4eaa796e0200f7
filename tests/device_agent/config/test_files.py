"""`agent.toml` and the files of `conf.d` are one configuration, and each key remembers its file."""

from pathlib import Path

import pytest

from device_agent.config import files as config_files
from device_agent.config.table import Table
from device_agent.errors import ConfigError


@pytest.fixture
def read(tmp_path):
    def read_(main, **drop_ins):
        (tmp_path / "conf.d").mkdir(exist_ok=True)
        (tmp_path / "agent.toml").write_text(main)
        for name, text in drop_ins.items():
            (tmp_path / "conf.d" / f"{name}.toml").write_text(text)
        return config_files.read(tmp_path / "agent.toml")

    return read_


def test_tables_merge_and_lists_of_tables_append_in_the_order_of_the_names(read):
    values, problems = read(
        "a = 1\n[t]\nx = 1\n[[sensor]]\nn = 0",
        b="[[sensor]]\nn = 2",
        a="[t]\ny = 2\n[t.u]\nz = 3\n[[sensor]]\nn = 1",
    )

    assert values == {"a": 1, "t": {"x": 1, "y": 2, "u": {"z": 3}}, "sensor": [{"n": 0}, {"n": 1}, {"n": 2}]}
    assert problems == []


def test_a_key_of_two_files_is_a_problem_that_names_both(read, tmp_path):
    _, problems = read("thing = 'a'\n[t]\nx = 1\nlist = [1]", a="thing = 'b'\n[t]\nx = 1\nlist = [1]")

    first, second = tmp_path / "agent.toml", tmp_path / "conf.d" / "a.toml"
    assert [(problem.file, problem.key) for problem in problems] == [
        (second, "thing"),
        (second, "t.x"),
        (second, "t.list"),
    ]
    assert all(str(first) in problem.expected for problem in problems)


def test_a_table_in_one_file_and_a_value_in_another_do_not_merge(read):
    _, problems = read("t = 1\nu = [{a = 1}]", a="[t]\nx = 1\n[u]\na = 1")

    assert [problem.key for problem in problems] == ["t", "u"]


def test_a_problem_names_the_file_and_the_place_in_that_file(read, tmp_path):
    values, problems = read("[[sensor]]\nn = 0\n[t]\nx = 1", a="[[sensor]]\nn = 'one'\n[t]\ny = 'two'\n[t.u]\nv = 1")
    root = Table(values, tmp_path / "agent.toml", "", problems)
    for table in root.tables("sensor"):
        table.number("n")
    inner = root.table("t")
    inner.number("x")
    inner.number("y")
    inner.table("u")
    root.finish()

    drop_in = tmp_path / "conf.d" / "a.toml"
    assert [(problem.file, problem.key) for problem in problems] == [
        (drop_in, "sensor[0].n"),
        (drop_in, "t.y"),
        (drop_in, "t.u.v"),
    ]


def test_every_file_that_cannot_be_read_is_named(read, tmp_path):
    with pytest.raises(ConfigError) as raised:
        read("a = ", a="b = 1", c="d = [")

    assert [problem.file for problem in raised.value.problems] == [
        tmp_path / "agent.toml",
        tmp_path / "conf.d" / "c.toml",
    ]


def test_without_a_folder_of_drop_ins_there_is_one_file(tmp_path):
    (tmp_path / "agent.toml").write_text("a = 1")

    assert config_files.read(tmp_path / "agent.toml") == ({"a": 1}, [])
    with pytest.raises(ConfigError):
        config_files.read(Path(tmp_path / "none.toml"))


def test_a_path_of_a_drop_in_is_relative_to_the_main_file(read, tmp_path):
    (tmp_path / "ca.pem").touch()
    values, problems = read("", a="ca = 'ca.pem'\n[t]\nca = 'ca.pem'\n[[u]]\nca = 'ca.pem'")
    root = Table(values, tmp_path / "agent.toml", "", problems)

    paths = [root.path("ca"), root.table("t").path("ca"), root.tables("u")[0].path("ca")]
    assert paths == [tmp_path / "ca.pem"] * 3
    assert problems == []
