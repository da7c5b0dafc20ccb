"""What a snapshot may say beside its columns: derived features, how far back they look, files without a key."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from leadmill import settings
from leadmill.errors import SpecError
from leadmill.spec import UseCase, parse_use_case

Edit = Callable[[dict[str, Any]], object]


def edited(folder: Path, edit: Edit = lambda raw: None, without: str = "") -> UseCase:
    """The fraud use case with an edited spec, without one of its queries."""
    copy = folder / "fraud"
    shutil.copytree(settings.ROOT / "include" / "use_cases" / "fraud", copy)
    raw = yaml.safe_load((copy / "use_case.yaml").read_text(encoding="utf-8"))
    edit(raw)
    (copy / "use_case.yaml").write_text(yaml.safe_dump(raw), encoding="utf-8")
    if without:
        (copy / "sql" / f"{without}.sql").unlink()
    return parse_use_case(copy / "use_case.yaml")


def test_a_source_gives_all_but_what_is_derived(tmp_path: Path) -> None:
    use_case = edited(tmp_path)
    derived = {"log_amount", "hour_of_day", "payments_1h", "payments_24h", "hour_against_day", "amount_against_day"}
    assert {column.name for column in use_case.columns} - {column.name for column in use_case.raw_columns} == derived
    assert derived < {column.name for column in use_case.feature_columns}


@pytest.mark.parametrize(
    ("edit", "without", "path", "says"),
    [
        (lambda raw: raw["features"]["amount"].update(impute="none"), "", "(file)", "derives; 'amount' is given"),
        (lambda raw: None, "features", "(file)", "'derived: true' need the query sql/features.sql"),
        (lambda raw: raw["features"]["hour_of_day"].update(missing=["-"]), "", "features.hour_of_day",
         "it takes no missing, aliases, required or drop"),
        (lambda raw: raw["source"]["file"]["key_hash"].update(without=["payment_id"]), "", "source.file",
         "'payment_id' is made from them"),
        (lambda raw: raw["source"].update(lookback="a day"), "", "source.lookback", "a duration such as"),
        (lambda raw: raw["decision"].update(alerts_per_day=0), "", "decision.alerts_per_day", "greater than 0"),
    ],
)  # fmt: skip
def test_what_does_not_go_together(tmp_path: Path, edit: Edit, without: str, path: str, says: str) -> None:
    with pytest.raises(SpecError) as caught:
        edited(tmp_path, edit, without)
    assert caught.value.path == path
    assert says in str(caught.value)
