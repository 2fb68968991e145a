"""One version, told by both commands."""

import tomllib
from pathlib import Path

import pytest

from vgrout import cli
from vgrout.versions import version_of

WORKSPACE = Path(__file__).parents[2] / "Cargo.toml"


@pytest.mark.parametrize("main", [cli.main, cli.train_main])
def test_version_is_the_workspaces(main, capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"vgrout {version_of('vgrout')}\n"
    assert version_of("vgrout") == tomllib.loads(WORKSPACE.read_text())["workspace"]["package"]["version"]


def test_a_package_that_is_not_installed_has_no_version():
    assert version_of("vgrout-of-no-index") is None
