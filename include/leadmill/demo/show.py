"""The demo's end, printed for people."""

from collections.abc import Mapping
from pathlib import Path
from shlex import quote
from typing import Any

from rich import box
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from leadmill import names
from leadmill.demo import simulated
from leadmill.demo.report import Accounting, Models, Report, ScoredEntity
from leadmill.spec import UseCase
from leadmill.training.results import Folds

WIDE = 140
# The widest table, with the longest candidate's name, just fits 80 columns.
PLAIN: dict[str, Any] = {
    "box": box.SIMPLE_HEAD,
    "show_edge": False,
    "pad_edge": False,
    "padding": (0, 1, 0, 0),
    "title_justify": "left",
    "title_style": "bold",
}
CROSS_VALIDATED = {"roc_auc": "ROC AUC", "pr_auc": "PR AUC", "log_loss": "log loss", "brier": "Brier"}
# Of models of more than two classes; the first is also shown on the newest rows.
OF_CLASSES = {"macro_f1": "macro F1", "weighted_kappa": "kappa", "log_loss": "log loss", "brier": "Brier, last"}


def show(console: Console, use_case: UseCase, found: Report, variables: Mapping[str, str], psql: Path) -> None:
    """Print the report and where to look next; ``variables`` are the running stack's."""
    console.print()
    console.print(best_table(use_case, found.best, console.width))
    console.print()
    console.print(models_table(found.models))
    console.print()
    if found.comparison:
        # How near the champion comes to what could be known at all.
        console.print(f"[bold]Oracle:[/bold] {found.comparison.sentence}", soft_wrap=True)
        console.print()
    for finding in found.models.findings:
        console.print(finding, markup=False, highlight=False, soft_wrap=True)
    if found.models.findings:
        console.print()
    for alarm in found.models.alarms:
        console.print(f"[yellow]{escape(alarm)}[/yellow]")
    console.print(accounting_line(found.accounting), soft_wrap=True)
    if found.accounting.rejected_by:
        rules = ", ".join(f"{rule} {count:,}" for rule, count in found.accounting.rejected_by.items())
        console.print(f"  rejected by: {escape(rules)} (whole rows: {names.rejected_table(use_case)})")
    console.print()
    console.print(timings_table(found))
    if found.note:
        console.print(f"\n[bold]Mind:[/bold] {escape(found.note)}")
    _where_to_look(console, use_case, found, variables, psql)


def best_table(use_case: UseCase, best: tuple[ScoredEntity, ...], width: int) -> Table:
    """The best entities with what counted most and their main features.

    Of the features a column each, or one line of all where the terminal is narrow.
    """
    table = Table(title=f"Best {use_case.entity.name}s", **PLAIN)
    table.add_column("score", justify="right", no_wrap=True)
    table.add_column("band", no_wrap=True)
    titles = list(best[0].features) if best else []
    if use_case.classes:
        table.add_column("class", overflow="fold")
        table.add_column(escape(use_case.label.title or "value"), justify="right", overflow="fold")
    if width < WIDE:
        table.add_column(f"{use_case.entity.key}, top reason: {', '.join(titles)}", overflow="fold")
        for one in best:
            values = escape(" | ".join(one.features.values()))
            reason = f"\n{escape(one.reason)}" if one.reason else ""
            lines = f"{escape(one.key)}{reason}\n[dim]{values}[/dim]"
            table.add_row(str(one.score), one.band, *_classed(one), lines)
        return table
    table.add_column(use_case.entity.key, no_wrap=True)
    table.add_column("top reason", overflow="fold")
    for title in titles:
        table.add_column(title, overflow="fold")
    for one in best:
        shown = (escape(value) for value in (one.key, one.reason, *one.features.values()))
        table.add_row(str(one.score), one.band, *_classed(one), *shown)
    return table


def _classed(one: ScoredEntity) -> list[str]:
    return [escape(text) for text in one.predicted or ()]


def models_table(models: Models) -> Table:
    """Champion and rivals: cross-validated figures with their spread, and the newest rows with their interval."""
    title = f"Champion: version {models.version}, {models.candidate} ({models.training_rows:,} training rows)"
    shown = OF_CLASSES if any("macro_f1" in one.metrics for one in models.cross_validation) else CROSS_VALIDATED
    first, chosen = next(iter(shown)), shown.get(models.metric, models.metric)
    caption = f"Means of 5 folds; chosen by {chosen}. Last column: {shown[first]} on the newest rows, 95 % interval."
    table = Table(title=title, caption=caption, caption_justify="left", **PLAIN)
    table.add_column("model", no_wrap=True)
    for heading in shown.values():
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("newest", justify="right", overflow="fold")
    held = {one.candidate: one.metrics for one in models.holdout}
    for one in models.cross_validation:
        newest = held.get(one.candidate, {}).get(first)
        interval = f"{newest.value:.3f} ({newest.low:.2f}-{newest.high:.2f})" if newest else ""
        style = "bold" if one.candidate == models.candidate else None
        table.add_row(one.candidate, *_figures(one.metrics, shown), interval, style=style)
        for variant, metrics in one.variants.items():
            table.add_row(f"  {variant}", *_figures(metrics, shown), "", style="dim")
    return table


def accounting_line(found: Accounting) -> str:
    """The rule that nothing is lost, in one line."""
    return (
        f"[bold]Rows:[/bold] {found.read:,} read = {found.accepted:,} accepted + {found.rejected:,} rejected + "
        f"{found.already_seen:,} already seen; {found.published:,} published, {found.scored:,} scored"
    )


def timings_table(found: Report) -> Table:
    """What each step took this time."""
    table = Table(title=f"Time: {found.seconds:.0f} s in all", **PLAIN)
    table.add_column("DAG")
    table.add_column("step")
    table.add_column("seconds", justify="right")
    for one in found.timings:
        table.add_row(one.dag_id, one.step, f"{one.seconds:.1f}")
    return table


def _figures(metrics: Mapping[str, Folds], shown: Mapping[str, str]) -> list[str]:
    """The means, the first with its spread."""
    found = [metrics.get(name) for name in shown]
    spread = [f" ±{one.std:.3f}" if one and at == 0 else "" for at, one in enumerate(found)]
    return [f"{one.mean:.3f}{more}" if one else "" for one, more in zip(found, spread, strict=True)]


def _where_to_look(
    console: Console, use_case: UseCase, found: Report, variables: Mapping[str, str], psql: Path
) -> None:
    key, score = use_case.entity.key, use_case.score_column
    classed = ", predicted_class, predicted_value" if use_case.classes else ""
    scores = names.scores_table(use_case)
    query = f"SELECT {key}, {score}, band{classed} FROM {scores} ORDER BY probability DESC LIMIT 10"
    example = found.best[0].key if found.best else key.upper()
    airflow = variables["AIRFLOW_URL"]
    lines = {
        "Airflow": f"{airflow}  user {variables['AIRFLOW_USER']}  password {variables['AIRFLOW_PASSWORD']}",
        "Data Docs": f"{airflow}/leadmill/  (same login)",
        "API": f"{variables['LEADMILL_API_URL']}/docs  (key: ./leadmill env)",
        "psql": f'eval "$(./leadmill env)"; {quote(str(psql))} "$LEADMILL_READER_URL" -c "{query}"',
        "Feast": f"./leadmill features get {use_case.name} {example}",
        "score": f"./leadmill score {use_case.name} {example}",
        "more data": f"{_more_data(use_case)}  (the watcher starts the rest)",
        "stop": "./leadmill down  (data stays; ./leadmill reset deletes it)",
    }
    console.print()
    for name, line in lines.items():
        console.print(f"[bold]{name:<10}[/bold] {escape(line)}", soft_wrap=True)


def _more_data(use_case: UseCase) -> str:
    if use_case.name in simulated.SIMULATORS:
        return f"./leadmill simulate {use_case.name} --days 7"
    return f"./leadmill load {use_case.name} FILE.csv"
