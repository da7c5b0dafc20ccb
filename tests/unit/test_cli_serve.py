"""The commands of the scoring API, without a running stack."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from leadmill import settings
from leadmill.cli import app
from leadmill.errors import LeadmillError


def run(*arguments: str) -> tuple[int, str]:
    found = CliRunner().invoke(app, list(arguments), env={"COLUMNS": "160"})
    return found.exit_code, found.output


def test_an_unknown_scope_is_wrong_usage() -> None:
    code, said = run("api-key", "create", "somebody", "--scope", "write")
    assert code == 2
    assert "'write' is none of read, score, train" in said


def test_without_a_stack_the_commands_say_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADMILL_STATE", str(tmp_path))
    monkeypatch.delenv("LEADMILL_DATABASE_URL", raising=False)
    settings.current.cache_clear()
    for command in (("serve",), ("api-key", "list"), ("api-key", "revoke", "0123")):
        found = CliRunner().invoke(app, list(command))
        assert isinstance(found.exception, LeadmillError)
        assert "./leadmill up" in str(found.exception)
