"""The simulated CRM for the demo: filled once and moved on, with a progress bar."""

from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from leadmill.demo import crm
from leadmill.demo.crm import CrmSummary
from leadmill.demo.crm.runs import runs
from leadmill.demo.warehouse import warehouse_engine

USE_CASES = frozenset({"leads"})
"""Use cases whose source is the simulated CRM; the others load files."""
DEFAULT_LEADS, DEFAULT_DAYS = 20_000, 365


def load_with_progress(leads: int | None, days: int | None, console: Console) -> CrmSummary:
    """Fill the CRM; without figures what it holds already stays. Raises LeadmillError where it holds another load."""
    count, span = leads or DEFAULT_LEADS, days or DEFAULT_DAYS
    if leads is None and days is None:
        with warehouse_engine().connect() as connection:
            earlier = runs(connection)
        if earlier:
            count, span = earlier[0].leads, round(earlier[0].days)
    summary = _with_bar(f"Simulating {count:,} leads", console, lambda tick: crm.load(count, span, progress=tick))
    if summary.already_loaded:
        console.print(f"[dim]The CRM holds {count:,} leads over {span:,} days already[/dim]")
    else:
        console.print(_line(summary, f"{count:,} leads over {span:,} days"), markup=False, soft_wrap=True)
    return summary


def simulate_with_progress(days: float, drift: bool, seed: int, console: Console) -> CrmSummary:
    """Move the CRM's clock on and say what came in."""
    summary = _with_bar(
        f"Simulating {days:g} days", console, lambda tick: crm.simulate(days, drift, seed, progress=tick)
    )
    console.print(_line(summary, f"{summary.leads:,} new leads in {days:g} days"), markup=False, soft_wrap=True)
    return summary


def _with_bar(title: str, console: Console, work: Callable[[Callable[[int, int], None]], CrmSummary]) -> CrmSummary:
    bar = Progress(
        TextColumn("[dim]{task.description}[/dim]"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        console=console,
        transient=True,
        disable=not console.is_terminal,
    )
    with bar:
        task = bar.add_task(title, total=None)
        return work(lambda done, total: bar.update(task, completed=done, total=total))


def _line(summary: CrmSummary, what: str) -> str:
    rows = ", ".join(f"{count:,} {table.replace('_', ' ')}" for table, count in sorted(summary.recorded.items()))
    return f"{what}: {rows} recorded by {summary.clock:%Y-%m-%d %H:%M} on the CRM's clock"
