"""Commands about the registry and its ledger. What is heavy is imported inside the command that needs it."""

import getpass
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.markup import escape

from leadmill import names, settings
from leadmill.cli_data import AsJson, Name, connect, err, out, print_json, table, use_case_of
from leadmill.cli_version import folds, print_version, values

if TYPE_CHECKING:
    from leadmill.registry.catalog import Reign
    from leadmill.registry.ledger import Decision
    from leadmill.spec import UseCase

Version = Annotated[str, typer.Argument(metavar="VERSION", help="Version of the model.", show_default=False)]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; kept with the decision.")]

model_app = typer.Typer(help="The registry and its ledger.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the command line."""
    model_app.command("list")(model_list)
    model_app.command("show")(model_show)
    model_app.command("compare")(model_compare)
    model_app.command("choose")(model_choose)
    model_app.command("rollback")(model_rollback)
    model_app.command("register")(model_register)
    model_app.command("params")(model_params)
    app.add_typer(model_app, name="model")


def model_list(name: Name, as_json: AsJson = False) -> None:
    """Every version of the model, newest first (* is the champion), and which was champion when."""
    use_case = use_case_of(name)
    connect()
    from leadmill.registry.catalog import list_models, reigns

    listed, champions = list_models(use_case), reigns(use_case)
    if as_json:
        print_json({"models": [asdict(one) for one in listed], "champions": [asdict(one) for one in champions]})
        return
    listed_figures = _OF_BANDS if use_case.classes else _OF_TWO
    rows = [
        [
            f"{one.model.version} *" if one.serving else one.model.version,
            one.model.candidate,
            f"{one.model.training_rows:,}",
            *(folds(one.model.metrics, metric) for metric in listed_figures),
            one.last_decision.verdict if one.last_decision else "",
            f"{one.model.created_at:%Y-%m-%d %H:%M}",
        ]
        for one in listed
    ]
    figures = listed_figures.values()
    heads = ["version", "model", "training rows", *figures, "verdict", "trained (source's clock)"]
    out.print(table(heads, rows) if rows else f"'{use_case.name}' has no model yet.")
    if champions:
        heads = ["champion", "from (source's clock)", "until", "became it by", "who or which run"]
        out.print(table(heads, [_reign(one) for one in champions]))


def model_show(
    name: Name,
    version: Annotated[str | None, typer.Argument(help="Version; the champion without it.", show_default=False)] = None,
    as_json: AsJson = False,
) -> None:
    """One version: its training, its figures, its bands, how it decides, and every decision about it."""
    use_case = use_case_of(name)
    connect()
    from leadmill.errors import NoChampion
    from leadmill.registry.catalog import show_model
    from leadmill.registry.champion import champion_version

    wanted = version or champion_version(use_case)
    if wanted is None:
        raise NoChampion(use_case.name)
    shown = show_model(use_case, wanted)
    if as_json:
        print_json(asdict(shown))
        return
    print_version(use_case, shown)


def model_compare(name: Name, first: Version, second: Version, as_json: AsJson = False) -> None:
    """Two versions on the same newest rows, which neither has learned from."""
    use_case = use_case_of(name)
    connect()
    from leadmill.registry.compare import compare

    found = compare(use_case, first, second)
    if as_json:
        print_json(asdict(found))
        return
    named = [
        f"{version}{' *' if version == found.serving else ''} ({candidate})"
        for version, candidate in zip(found.versions, found.candidates, strict=True)
    ]
    rows = [
        [
            metric,
            f"{found.metrics[0][metric]:.4f}",
            f"{found.metrics[1][metric]:.4f}",
            f"{gain.value:+.4f} [{gain.low:+.4f}, {gain.high:+.4f}]",
        ]
        for metric, gain in found.better_by.items()
    ]
    out.print(f"{found.rows:,} rows that neither has learned from, {found.positives:,} positive")
    if rows:
        out.print(table(["figure", *named, f"version {first} better by [95 %]"], rows))
    else:
        out.print("That is too few to compare them on.")


def model_choose(name: Name, version: Version, reason: Reason = "", as_json: AsJson = False) -> None:
    """Make a version champion by hand, whatever the gate said of it; recorded with who and why. Rescoring starts."""
    use_case = use_case_of(name)
    connect()
    from leadmill.registry.by_hand import NO_REASON, choose

    _decided(use_case, choose(use_case, version, _who(), reason or NO_REASON), as_json)


def model_rollback(name: Name, reason: Reason = "", as_json: AsJson = False) -> None:
    """Put the previous champion back, with its own bands; recorded with who and why. Rescoring starts."""
    use_case = use_case_of(name)
    connect()
    from leadmill.registry.by_hand import NO_REASON, rollback

    _decided(use_case, rollback(use_case, _who(), reason or NO_REASON), as_json)


def model_register(
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE.skops", help="A scikit-learn pipeline.", show_default=False)],
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Register a model that was trained elsewhere, if it meets the contract, and let the gate judge it.

    It takes columns named like the features (and their _missing flags) and answers with probabilities of 0 and 1. What
    passes waits for 'model choose'.
    """
    use_case = use_case_of(name)
    connect()
    from datetime import UTC, datetime

    from leadmill.registry.external import register as register_model

    run_key = f"register/{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    verdict = register_model(use_case, file, run_key, _who(), reason or f"trained elsewhere: {file.name}")
    if as_json:
        print_json(asdict(verdict))
    else:
        word = "passed" if verdict.passed else "did not pass"
        out.print(f"Version {verdict.version} {word} the gate: {'; '.join(verdict.reasons)}", markup=False)
        out.print(f"./leadmill model choose {use_case.name} {verdict.version} makes it champion.")


def model_params(
    name: Name,
    reset: Annotated[bool, typer.Option("--reset", help="Back to the defaults, from the next training on.")] = False,
    reason: Reason = "",
    as_json: AsJson = False,
) -> None:
    """Parameters that tuning has left for trainings, newest first (* is in use); without any, the defaults are."""
    use_case = use_case_of(name)
    connect()
    from leadmill.registry import parameters
    from leadmill.registry.by_hand import NO_REASON

    if reset:
        dropped = parameters.reset(use_case, _who(), reason or NO_REASON)
        out.print(f"Back to the defaults: {', '.join(one.candidate for one in dropped) or 'they were in use already'}.")
    decided = parameters.choices(use_case.name)
    if as_json:
        print_json([asdict(one) for one in decided])
        return
    newest = {one.candidate: one for one in reversed(decided)}
    rows = [
        [
            f"{one.candidate} *" if newest[one.candidate] is one else one.candidate,
            values(one.params),
            f"{one.study}, trial {one.trial}" if one.study else "",
            one.reason,
            one.actor,
            f"{one.decided_at:%Y-%m-%d %H:%M}",
        ]
        for one in decided
    ]
    heads = ["candidate", "parameters", "study", "why", "who or which run", "since (source's clock)"]
    out.print(table(heads, rows) if rows else f"No tuning of '{use_case.name}' has left any: the defaults are in use.")


def _decided(use_case: "UseCase", decision: "Decision", as_json: bool) -> None:
    """Print what was decided, and start the rescoring: the champion has changed."""
    how = _rescore(use_case, decision)
    if as_json:
        print_json({**asdict(decision), "rescoring": how})
        return
    word = {"rolled_back": "was put back", "chosen": "was chosen"}[decision.verdict]
    before = f", in place of {decision.champion_before}" if decision.champion_before else ""
    out.print(f"Version {decision.version} ({decision.candidate}) {word} as champion{before}. {how}", markup=False)


def _rescore(use_case: "UseCase", decision: "Decision") -> str:
    """Tell Airflow that the champion changed, as a promotion does; what will happen now, in a sentence."""
    from leadmill.local.airflow_api import Airflow, AirflowRefused

    known = settings.required("AIRFLOW_URL"), settings.required("AIRFLOW_USER"), settings.required("AIRFLOW_PASSWORD")
    try:
        with Airflow(*known) as airflow:
            airflow.emit(names.model_asset(use_case), {"verdict": decision.verdict, "version": decision.version})
    except AirflowRefused as error:
        err.print(escape(str(error)), soft_wrap=True)
        return f"Airflow could not be told; the hourly run of {use_case.name}_score will rescore everything by it."
    return f"{use_case.name}_score rescores everything by it now."


def _who() -> str:
    return f"{getpass.getuser()} (command line)"


def _reign(one: "Reign") -> list[str]:
    until = f"{one.until:%Y-%m-%d %H:%M}" if one.until else "now"
    return [one.version, f"{one.since:%Y-%m-%d %H:%M}", until, one.verdict.replace("_", " "), one.actor]


_OF_TWO = {"roc_auc": "ROC AUC", "pr_auc": "PR AUC", "brier": "Brier"}
_OF_BANDS = {"log_loss": "log loss", "macro_f1": "macro F1", "weighted_kappa": "weighted kappa"}
