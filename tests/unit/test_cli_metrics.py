"""The command that tells Prometheus: text that its own parser reads, into a file whole."""

from pathlib import Path

import pytest
import typer
from prometheus_client.parser import text_string_to_metric_families
from typer.testing import CliRunner

from leadmill import cli_metrics, settings
from leadmill.errors import LeadmillError
from leadmill.monitoring.metrics import SOURCES


@pytest.fixture
def app() -> typer.Typer:
    made = typer.Typer(pretty_exceptions_enable=False)
    made.callback()(lambda: None)
    cli_metrics.register(made)
    return made


def test_every_family_is_told_with_its_help_even_where_nothing_was_found_yet(
    app: typer.Typer, postgres: dict[str, str]
) -> None:
    done = CliRunner().invoke(app, ["metrics"])
    assert done.exit_code == 0, done.exception
    families = {family.name: family for family in text_string_to_metric_families(done.stdout)}
    assert set(families) == {name for source in SOURCES for name in source.gauges}
    assert all(family.documentation and family.type == "gauge" for family in families.values())


def test_a_file_gets_the_same_text_and_no_draft_stays(
    app: typer.Typer, postgres: dict[str, str], tmp_path: Path
) -> None:
    file = tmp_path / "leadmill.prom"
    file.write_text("old")
    assert CliRunner().invoke(app, ["metrics", "--output", str(file)]).exit_code == 0
    assert file.read_text() == CliRunner().invoke(app, ["metrics"]).stdout
    assert [one.name for one in tmp_path.iterdir()] == [file.name]


def test_without_a_stack_the_error_says_how_to_make_one(
    app: typer.Typer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as elsewhere:
        elsewhere.setenv("LEADMILL_STATE", str(tmp_path / "none"))
        settings.current.cache_clear()
        error = CliRunner().invoke(app, ["metrics"]).exception
    # Or the next test's server would be made there.
    settings.current.cache_clear()
    assert isinstance(error, LeadmillError)
    assert "./leadmill up" in str(error)
