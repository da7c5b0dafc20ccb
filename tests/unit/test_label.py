"""What a spec may say of a number that is predicted in bands."""

from collections.abc import Callable
from pathlib import Path
from shutil import copytree
from typing import Any

import pytest
import yaml

from leadmill.errors import SpecError
from leadmill.spec import UseCase, load_use_case, parse_use_case

Edit = Callable[[dict[str, Any]], object]


def changed(folder: Path, edit: Edit) -> UseCase:
    """`tpv` with a changed spec."""
    copytree(load_use_case("tpv").folder, folder / "tpv")
    file = folder / "tpv" / "use_case.yaml"
    raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    edit(raw)
    file.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    return parse_use_case(file)


def label(**fields: object) -> Edit:
    return lambda raw: raw["label"].update(fields)


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda raw: raw.update(task="binary"), "'classes' go with 'task: multiclass'"),
        (lambda raw: raw.update(classes=[]), "'classes' go with 'task: multiclass'"),
        (lambda raw: raw.update(classes=["small", "large"]), "at least three different names"),
        (lambda raw: raw.update(classes=["small", "large", "small"]), "at least three different names"),
        (lambda raw: raw.update(classes=["small", "Very large", "huge"]), "classes.1.*very_large"),
        (lambda raw: raw["label"].pop("aggregate"), "'label.aggregate: sum' goes with 'task: multiclass'"),
        (label(aggregate="mean"), "label.aggregate: found 'mean'; allowed: 'sum'"),
        (label(last="volume_30"), "label.last: found 'volume_30'.*Did you mean 'volume_30d'"),
        (label(last="segment"), "label.last: found 'segment'; allowed: a feature that is a number"),
        (label(last=None), "'label.seasonal' falls back on 'label.last'"),
        (label(horizon="none"), "needs a label.horizon"),
        (lambda raw: raw["model"].update(metric="pr_auc"), "chosen by 'model.metric: log_loss'"),
        (lambda raw: raw["model"].update(class_weights="balanced"), "are of two classes"),
        (lambda raw: raw["model"].update(edges="both"), "model.edges: found 'both'; allowed: 'apart' or 'together'"),
        (lambda raw: raw["model"].update(candidates=["additive_scorecard"]), "'additive_scorecard' has them in bins"),
        (label(last=None, seasonal=None), "around 'label.last', so it needs it"),
        (label(unit="dollars"), "model.edges: found 'together'; allowed: 'apart', unless 'label.last'"),
        (lambda raw: raw["model"].update(baselines=["volume_7d"]), "what bands are compared with is"),
    ],
)
def test_what_is_wrong_is_said(tmp_path: Path, edit: Edit, message: str) -> None:
    with pytest.raises(SpecError, match=message):
        changed(tmp_path, edit)


def test_what_goes_with_a_sum_goes_with_nothing_else(tmp_path: Path) -> None:
    copytree(load_use_case("leads").folder, tmp_path / "leads")
    file = tmp_path / "leads" / "use_case.yaml"
    raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    raw["label"]["last"] = "visits_30d"
    file.write_text(yaml.safe_dump(raw, sort_keys=False), encoding="utf-8")
    with pytest.raises(SpecError, match=r"'label\.last' goes with 'label\.aggregate'"):
        parse_use_case(file)


def test_what_is_right_is_kept(tmp_path: Path) -> None:
    use_case = changed(tmp_path, label(seasonal=None))
    assert use_case.classes[-1] == "very_large"
    assert (use_case.label.aggregate, use_case.label.seasonal) == ("sum", None)
