"""The command that rebuilds training sets. What is heavy is imported inside it."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leadmill.cli_data import AsJson, Name, connect, out, print_json, table, use_case_of

if TYPE_CHECKING:
    import pandas as pd

    from leadmill.registry.training_sets import Recorded
    from leadmill.spec import UseCase

_KINDS = (".parquet", ".csv")


def register(app: typer.Typer) -> None:
    """Add the command to the command line."""
    app.command("training-set")(training_set)


def training_set(
    name: Name,
    wanted: Annotated[str | None, typer.Argument(metavar="[ID]", help="Its id.", show_default=False)] = None,
    file: Annotated[
        Path | None, typer.Option("--out", metavar="FILE", help="Write its rows: .parquet or .csv", show_default=False)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Rebuild a training set: the same rows as then, proved by their hash. Without an ID, list them."""
    if file and (wanted is None or file.suffix not in _KINDS):
        said = (
            "which training set is to be written? Give its ID"
            if wanted is None
            else "a name ending with .parquet or .csv"
        )
        raise typer.BadParameter(said, param_hint="--out")
    use_case = use_case_of(name)
    connect()
    from leadmill.registry.training_sets import rebuilt, training_sets

    if wanted is None:
        _list(use_case, training_sets(use_case), as_json)
        return
    found, frame = rebuilt(use_case, wanted)
    if file:
        _write(frame, file)
    if as_json:
        print_json({"use_case": use_case.name, **asdict(found), "file": str(file) if file else None})
        return
    out.print(
        f"Training set {wanted}: {found.rows:,} rows, {len(found.columns)} columns, the same as when it was built"
    )
    out.print(f"  as_of from {found.first_as_of:%Y-%m-%d %H:%M} to {found.last_as_of:%Y-%m-%d %H:%M}")
    out.print(f"  what was recorded up to {found.moment:%Y-%m-%d %H:%M:%S}, by windows up to {found.window_id}")
    out.print(f"  spec version {found.spec_version}, SHA-256 {found.fingerprint}", soft_wrap=True)
    if file:
        out.print(f"Written to {file}", markup=False, soft_wrap=True)


def _write(frame: "pd.DataFrame", file: Path) -> None:
    if file.suffix == ".csv":
        frame.to_csv(file, index=False)
    else:
        frame.to_parquet(file, index=False)


def _list(use_case: "UseCase", known: "list[Recorded]", as_json: bool) -> None:
    if as_json:
        print_json([asdict(one) for one in known])
        return
    rows = [
        [
            one.training_set,
            f"{one.rows:,}",
            f"{one.first_as_of:%Y-%m-%d %H:%M}",
            f"{one.last_as_of:%Y-%m-%d %H:%M}",
            f"{one.moment:%Y-%m-%d %H:%M}",
            str(one.window_id),
            one.spec_version if one.spec_version == use_case.version else f"{one.spec_version} (now another)",
            ", ".join(one.versions),
        ]
        for one in known
    ]
    heads = ["id", "rows", "oldest row", "newest row", "recorded up to", "window", "spec", "models"]
    out.print(table(heads, rows) if rows else f"Nothing was trained on '{use_case.name}' yet.")
