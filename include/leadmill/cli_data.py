"""Commands about data, features, models and scores. What is heavy is imported inside the command that needs it."""

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leadmill import settings
from leadmill.demo import options
from leadmill.errors import LeadmillError, nearest

if TYPE_CHECKING:
    import pandas as pd

    from leadmill.spec import UseCase

PIPED_WIDTH = 160
# A pipe or a file has no width of its own: tables there are as wide as they need.
out = Console(highlight=False, width=None if sys.stdout.isatty() else PIPED_WIDTH)
err = Console(stderr=True, highlight=False)

AsJson = Annotated[bool, typer.Option("--json", help="Print JSON instead of a table.")]
Name = Annotated[str, typer.Argument(metavar="USE_CASE", help="Name of the use case.", show_default=False)]
Keys = Annotated[list[str], typer.Argument(metavar="KEY...", help="Keys of entities.", show_default=False)]
INTERRUPTED = 130

features_app = typer.Typer(help="Features as serving sees them.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the command line."""
    app.command(help=options.ABOUT)(demo)
    app.command()(load)
    app.command()(run)
    app.command()(score)
    app.command()(docs)
    app.command()(simulate)
    app.command()(notify_sql)
    features_app.command("get")(features_get)
    features_app.command("backfill")(features_backfill)
    app.add_typer(features_app, name="features")


def demo(
    name: Annotated[str, typer.Argument(metavar="[USE_CASE]", help="Name of the use case.")] = options.DEFAULT,
    data: Annotated[Path | None, typer.Option(metavar="FILE.csv", help="Your own file.", show_default=False)] = None,
    size: Annotated[int | None, typer.Option(options.SIZE, min=1, help=options.SIZE_HELP, show_default=False)] = None,
    days: Annotated[int | None, typer.Option(min=1, help=options.DAYS_HELP, show_default=False)] = None,
    no_stay: Annotated[bool, typer.Option("--no-stay", help="Stop the services at the end.")] = False,
    as_json: AsJson = False,
) -> None:
    """From nothing to scored entities; what the demos are stands beside them."""
    if data and size:
        said = f"{options.SIZE} is for the made-up file; with --data your own is used"
        raise typer.BadParameter(said, param_hint=options.SIZE)
    use_case = use_case_of(name)
    from leadmill.demo.run import run_demo
    from leadmill.demo.show import show
    from leadmill.local import postgres, stack

    try:
        found = run_demo(use_case, data, size, days, err)
        if as_json:
            print_json(asdict(found))
        else:
            show(out, use_case, found, stack.environment(), postgres.binaries() / "psql")
    except KeyboardInterrupt:
        err.print("Interrupted." if no_stay else "Interrupted. The services stay up: ./leadmill down stops them.")
        raise typer.Exit(INTERRUPTED) from None
    finally:
        if no_stay:
            stack.down(lambda step: err.print(f"[dim]{step}[/dim]"))


def load(
    name: Name,
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="The file.", show_default=False)],
    as_json: AsJson = False,
) -> None:
    """Load your own file into the demo warehouse; the source's watcher starts the ETL by itself."""
    use_case = use_case_of(name)
    connect()
    from leadmill.demo.files import load_with_progress

    summary = load_with_progress(use_case, file, err)
    if as_json:
        print_json(asdict(summary))


def run(
    stage: Annotated[str, typer.Argument(help="Name of the stage.", show_default=False)],
    name: Name,
) -> None:
    """Run one stage without Airflow, for debugging."""
    use_case = use_case_of(name)
    connect()
    from datetime import UTC, datetime

    from leadmill.orchestration.stages import STAGES

    if stage not in STAGES:
        near = nearest(stage, STAGES)
        hint = f"Did you mean '{near}'?" if near else f"Stages: {', '.join(STAGES)}."
        raise typer.BadParameter(f"there is no stage '{stage}'. {hint}", param_hint="STAGE")
    run_id = f"cli/{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}"
    out.print(STAGES[stage](use_case, run_id), markup=False)


def simulate(
    name: Annotated[str, typer.Argument(metavar="[USE_CASE]", help=options.WHOSE)] = options.DEFAULT,
    days: Annotated[float, typer.Option(min=0.01, max=3650, help="How far the clock of the source moves.")] = 7,
    drift: Annotated[
        bool, typer.Option("--drift", help="New leads are of another kind; every merchant's volume falls.")
    ] = False,
    seed: Annotated[int, typer.Option(min=0, help="Other events for another number.")] = 7,
    as_json: AsJson = False,
) -> None:
    """Move the clock of a simulated source on: new leads or merchants come in, the known ones act; the ETL follows."""
    name = use_case_of(name).name
    connect()
    from leadmill.demo.simulated import simulate_with_progress

    summary = simulate_with_progress(name, days, drift, seed, err)
    if as_json:
        print_json(asdict(summary))


def notify_sql(name: Name) -> None:
    """Print SQL for your warehouse: run by the owner of the source's tables, it lets each commit wake the ETL."""
    from leadmill.extract import notify

    out.print(notify.notify_sql(use_case_of(name)), markup=False, highlight=False, soft_wrap=True, end="")


def features_backfill(name: Name, as_json: AsJson = False) -> None:
    """Compute past feature rows again by the present spec, after a feature was added or its SQL was changed."""
    use_case = use_case_of(name)
    connect()
    from datetime import UTC, datetime

    from leadmill.features.backfill import backfill

    found = backfill(
        use_case, f"cli/{datetime.now(UTC):%Y-%m-%dT%H:%M:%S}", lambda step: err.print(f"[dim]{escape(step)}[/dim]")
    )
    if as_json:
        print_json(asdict(found) if found else None)
    elif found:
        out.print(f"Window {found.window}: {found.published.describe()}", markup=False)
    else:
        out.print(f"Every feature row of '{name}' is of the present spec already.")


def features_get(name: Name, keys: Keys, as_json: AsJson = False) -> None:
    """Newest features of entities from Feast's online store. Exit code 1 when a key is unknown."""
    use_case = use_case_of(name)
    connect()
    from leadmill.features.online import lookup

    found = lookup(use_case, keys)
    if as_json:
        print_json(_records(found))
    elif len(found):
        out.print(_features_table(use_case, found))
    _refuse_unknown(use_case, keys, found)


def score(
    name: Name,
    keys: Annotated[list[str] | None, typer.Argument(metavar="KEY...", help="Keys.", show_default=False)] = None,
    file: Annotated[
        Path | None, typer.Option(metavar="IN", help="CSV or Parquet file to score.", show_default=False)
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--out", metavar="OUT", help="CSV or Parquet file of its scores.", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Score and reasons of entities now: online features and the champion. Exit code 1 on an unknown key.

    With --file and --out every row of a file instead; stopped, it goes on when it is run again.
    """
    if (file is None) != (output is None) or bool(keys) == (file is not None):
        raise typer.BadParameter("give either keys, or --file with --out", param_hint="KEY...")
    use_case = use_case_of(name)
    if file and output:
        from leadmill.cli_score import score_to_file

        score_to_file(use_case, file, output, as_json)
        return
    keys = keys or []
    connect()
    from leadmill.features.online import lookup
    from leadmill.registry.champion import champion
    from leadmill.scoring.scorer import scorer

    asked = scorer(use_case, champion(use_case))
    features = lookup(use_case, keys)
    entities: Any = features.to_dict("records")
    found = [
        {
            use_case.entity.key: row[use_case.entity.key],
            use_case.score_column: scored.score,
            **{name: value for name, value in asdict(scored).items() if name not in ("score", "classed", "decision")},
            **(asdict(scored.classed) if scored.classed else {}),
            **({"decision": scored.decision} if use_case.decision else {}),
            "model_version": asked.version,
            "feature_timestamp": row["event_timestamp"].isoformat(),
        }
        for row in entities
        for scored in [asked.one(row)]
    ]
    if as_json:
        print_json(found)
    elif found:
        rows = [
            [row[use_case.entity.key], row[use_case.score_column], f"{row['probability']:.4f}", row["band"],
             f"{row['percentile']:.1f}", *_class_cells(row), *_decision_cells(row), _why(row), row["model_version"],
             row["feature_timestamp"][:16]]
            for row in found
        ]  # fmt: skip
        of_classes = [*(["class", "value"] if use_case.classes else []), *(["decision"] if use_case.decision else [])]
        heads = [
            *(use_case.entity.key, "score", "probability", "band", "percentile"),
            *(*of_classes, "why", "model", "features of"),
        ]
        out.print(table(heads, rows))
    _refuse_unknown(use_case, keys, features)


def _class_cells(scored: Mapping[str, Any]) -> list[str]:
    """Predicted class with its probability, and the value with its interval; nothing of a binary use case."""
    if "predicted_class" not in scored:
        return []
    from leadmill.scoring.sentences import number

    name, interval = scored["predicted_class"], scored["interval"]
    value = f"{number(scored['predicted_value'])} ({number(interval['low'])} to {number(interval['high'])})"
    return [f"{name} ({scored['probabilities'][name]:.0%})", value]


def _decision_cells(scored: Mapping[str, Any]) -> list[str]:
    return [scored["decision"] or ""] if "decision" in scored else []


def _why(scored: Mapping[str, Any]) -> str:
    said = [reason["sentence"] for reason in scored["reasons"]]
    return "\n".join([f"From {scored['base']:.0f}", *said]) if said else ""


def docs() -> None:
    """Write the pages in docs/pipelines anew from the specs."""
    from leadmill.local import stack

    settings.apply({"AIRFLOW_HOME": str(stack.folder().airflow)})
    from leadmill.orchestration.doc_page import write_all

    for file in write_all():
        out.print(str(file), markup=False)


def use_case_of(name: str) -> "UseCase":
    """The use case of that name. Raises UnknownUseCase or SpecError."""
    from leadmill.spec import load_use_case

    return load_use_case(name)


def connect() -> None:
    """Point this process at the running local stack. Raises LeadmillError when it does not run."""
    from leadmill.local import stack
    from leadmill.local.postgres import Server

    stack.forget_other_servers()
    settings.apply(stack.environment())
    if not Server(stack.folder()).running():
        raise LeadmillError("The local services do not run. Start them with './leadmill up'.")


def _refuse_unknown(use_case: "UseCase", keys: Sequence[str], found: "pd.DataFrame") -> None:
    known = {str(key) for key in found[use_case.entity.key]}
    unknown = [key for key in keys if key not in known and key.lower() not in known]
    if unknown:
        raise LeadmillError(
            f"The online store of '{use_case.name}' has no {use_case.entity.name} {', '.join(unknown)}. "
            f"Was it accepted? See {use_case.name} in the schemas features and rejected."
        )


def _features_table(use_case: "UseCase", found: "pd.DataFrame") -> Table:
    """Features as rows and entities as columns: there are many of the one and few of the other."""
    from leadmill.demo.report import shown_value

    entities = found.to_dict("records")
    rows = [["event time", *(f"{one['event_timestamp']:%Y-%m-%d %H:%M}" for one in entities)]]
    for column in use_case.feature_columns:
        shown = [shown_value(column, one[column.name], column.has_flag and one[column.flag]) for one in entities]
        rows.append([column.name, *shown])
    return table(["feature", *(str(one[use_case.entity.key]) for one in entities)], rows)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
    """A table of texts, which are shown as they are."""
    made = Table()
    for head in heads:
        made.add_column(escape(head), overflow="fold")
    for row in rows:
        made.add_row(*(escape(str(value)) for value in row))
    return made


def _records(found: "pd.DataFrame") -> Any:
    return json.loads(found.to_json(orient="records", date_format="iso", double_precision=15))


def print_json(content: Any) -> None:
    """Print to stdout, undecorated."""
    sys.stdout.write(json.dumps(content, indent=2, default=str, ensure_ascii=False) + "\n")
