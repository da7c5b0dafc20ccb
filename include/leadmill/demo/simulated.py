"""The simulated sources for the demo: filled once and moved on, with a progress bar."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from sqlalchemy import Connection

from leadmill.demo import crm, tpv
from leadmill.demo.crm.runs import runs as crm_runs
from leadmill.demo.source_steps import Progress as Tick
from leadmill.demo.tpv.schema import runs as tpv_runs
from leadmill.demo.warehouse import warehouse_engine
from leadmill.errors import LeadmillError

Step = crm.CrmSummary | tpv.TpvSummary
"""What a load or a simulation did."""


@dataclass(frozen=True)
class Simulator:
    """A simulated source of ``what``: how much of it a demo has, how it is filled and moved on, and what it holds.

    ``load`` takes how many, days and a tick, ``simulate`` days, drift, seed and a tick; ``held`` says how many over
    which days were loaded, None before that.
    """

    title: str
    what: str
    many: int
    days: int
    load: Callable[[int, int, Tick], Step]
    simulate: Callable[[float, bool, int, Tick], Step]
    held: Callable[[Connection], tuple[int, float] | None]


def _held_by_crm(connection: Connection) -> tuple[int, float] | None:
    earlier = crm_runs(connection)
    return (earlier[0].leads, earlier[0].days) if earlier else None


def _held_by_acquirer(connection: Connection) -> tuple[int, float] | None:
    earlier = tpv_runs(connection)
    return (earlier[0].merchants, earlier[0].days) if earlier else None


SIMULATORS: Mapping[str, Simulator] = {
    "leads": Simulator(
        "CRM",
        "leads",
        20_000,
        365,
        lambda many, days, tick: crm.load(many, days, progress=tick),
        crm.simulate,
        _held_by_crm,
    ),
    "tpv": Simulator(
        "acquirer",
        "merchants",
        800,
        912,
        lambda many, days, tick: tpv.load(many, days, progress=tick),
        tpv.simulate,
        _held_by_acquirer,
    ),
}
"""By use case; the others load files."""


def load_with_progress(name: str, many: int | None, days: int | None, console: Console) -> Step:
    """Fill the source; without figures what it holds stays. Raises LeadmillError where it holds another load."""
    source = SIMULATORS[name]
    count, span = many or source.many, days or source.days
    if many is None and days is None:
        with warehouse_engine().connect() as connection:
            held = source.held(connection)
        if held:
            count, span = held[0], round(held[1])
    step = _with_bar(f"Simulating {count:,} {source.what}", console, lambda tick: source.load(count, span, tick))
    if step.already_loaded:
        console.print(f"[dim]The {source.title} holds {count:,} {source.what} over {span:,} days already[/dim]")
    else:
        said = f"{count:,} {source.what} over {span:,} days"
        console.print(_line(source, step, said), markup=False, soft_wrap=True)
    return step


def simulate_with_progress(name: str, days: float, drift: bool, seed: int, console: Console) -> Step:
    """Move the source's clock on and say what came in. Raises LeadmillError of a use case that loads files."""
    if name not in SIMULATORS:
        raise LeadmillError(
            f"'{name}' reads a file: nothing of it is simulated. Simulated are {', '.join(SIMULATORS)}."
        )
    source = SIMULATORS[name]
    step = _with_bar(f"Simulating {days:g} days", console, lambda tick: source.simulate(days, drift, seed, tick))
    said = f"{step.new:,} new {source.what} in {days:g} days"
    console.print(_line(source, step, said), markup=False, soft_wrap=True)
    return step


def _with_bar(title: str, console: Console, work: Callable[[Tick], Step]) -> Step:
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


def _line(source: Simulator, step: Step, what: str) -> str:
    rows = ", ".join(f"{count:,} {table.replace('_', ' ')}" for table, count in sorted(step.recorded.items()))
    return f"{what}: {rows} recorded by {step.clock:%Y-%m-%d %H:%M} on the {source.title}'s clock"
