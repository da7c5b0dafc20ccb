import os
from pathlib import Path

import pytest

from leadmill import settings
from leadmill.errors import MissingSetting, UnreadableSetting, WrongSetting

NAME = "LEADMILL_DATABASE_URL"


@pytest.fixture(autouse=True)
def unset(monkeypatch: pytest.MonkeyPatch) -> None:
    # Set first, so that monkeypatch puts the present state back even where a test sets the variable by itself.
    for name in (NAME, f"{NAME}_FILE"):
        monkeypatch.setenv(name, "x")
        monkeypatch.delenv(name)


@pytest.fixture
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that the variable's companion names."""
    monkeypatch.setenv(f"{NAME}_FILE", str(tmp_path / "secret"))
    return tmp_path / "secret"


def test_a_setting_comes_from_the_file_that_its_companion_names(file: Path) -> None:
    file.write_text("postgresql://somebody:gehöim@somewhere/x\n", encoding="utf-8")
    assert settings.required(NAME) == "postgresql://somebody:gehöim@somewhere/x"
    assert settings.current().database_url == settings.required(NAME)


def test_the_file_is_read_anew_each_time(file: Path) -> None:
    for text in ("one", "two"):
        file.write_text(text)
        assert settings.required(NAME) == text


def test_the_variable_itself_wins(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("from the file")
    monkeypatch.setenv(NAME, "from the environment")
    assert settings.required(NAME) == "from the environment"


@pytest.mark.usefixtures("file")
def test_a_file_that_is_not_there_is_named_in_the_error() -> None:
    with pytest.raises(UnreadableSetting, match=rf"{NAME}_FILE names .*secret, which cannot be read: No such file"):
        settings.required(NAME)


def test_a_file_that_is_not_text_is_not_shown(file: Path) -> None:
    file.write_bytes(b"hidden\xff")
    with pytest.raises(UnreadableSetting, match="not UTF-8") as caught:
        settings.required(NAME)
    assert "hidden" not in str(caught.value)


def test_an_empty_file_sets_nothing(file: Path) -> None:
    file.write_text("\n")
    with pytest.raises(MissingSetting, match=NAME):
        settings.required(NAME)


def test_neither_is_set() -> None:
    with pytest.raises(MissingSetting, match=NAME):
        settings.required(NAME)


def test_what_is_exported_is_in_the_environment_for_libraries(file: Path) -> None:
    file.write_text("secret\n")
    settings.export(NAME)
    assert os.environ[NAME] == "secret"


@pytest.mark.parametrize("given", ["0", "3651", "-1", "1.5", "ten", "9" * 5000, "\u0665"])
def test_predictions_are_kept_for_a_bounded_number_of_days(monkeypatch: pytest.MonkeyPatch, given: str) -> None:
    monkeypatch.setenv("LEADMILL_PREDICTION_DAYS", given)
    with pytest.raises(WrongSetting, match=r"LEADMILL_PREDICTION_DAYS is .*; allowed: a whole"):
        _ = settings.current().prediction_days
    monkeypatch.setenv("LEADMILL_PREDICTION_DAYS", "3650")
    assert settings.current().prediction_days == 3650
    monkeypatch.delenv("LEADMILL_PREDICTION_DAYS")
    assert settings.current().prediction_days == 90
