"""The study report: one HTML file that needs nothing else."""

import os
from collections.abc import Callable
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from leadmill import settings
from leadmill.spec import UseCase
from leadmill.study.data import StudyData, read_study_data
from leadmill.study.page import (
    categories,
    correlations,
    distributions,
    importance,
    imputation,
    missingness,
    outliers,
    overview,
    rare_categories,
    transformations,
)
from leadmill.study.page.parts import Section

Progress = Callable[[str, float], None]
SECTIONS: dict[str, Callable[[StudyData], Section]] = {
    "Data": overview.section,
    "Numbers": distributions.section,
    "Categories": categories.section,
    "Missing values": missingness.section,
    "Outliers": outliers.section,
    "Correlations": correlations.section,
    "Transformations": transformations.section,
    "Rare categories": rare_categories.section,
    "Imputation": imputation.section,
    "Importance": importance.section,
}
_TEMPLATES = Environment(
    loader=FileSystemLoader(Path(__file__).parent / "page"),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)


def _silent(_what: str, _done: float) -> None:
    """Shows nothing."""


def write_study(use_case: UseCase, file: Path | None = None, progress: Progress = _silent) -> Path:
    """Study the use case's labelled rows as of now and write the page; its path.

    The page holds aggregates only, no key of an entity, and is written to ``studies/<use case>.html`` in the state
    folder where no ``file`` is given; what is there is replaced. ``progress`` is told what is being done and which
    share is done. Raises NothingToStudy and NotTrainable.
    """
    target = file or settings.current().state / "studies" / f"{use_case.name}.html"
    progress("Reading the labelled rows", 0.0)
    page = study_page(read_study_data(use_case), progress)
    target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    draft.write_text(page, encoding="utf-8")
    draft.replace(target)
    progress("Written", 1.0)
    return target


def study_page(data: StudyData, progress: Progress = _silent) -> str:
    """The whole page as HTML; the same data gives the same page."""
    sections = []
    # On two busy cores the threads of BLAS and OpenMP wait for each other: one thread is up to ten times faster.
    with threadpool_limits(1):
        for at, (title, section) in enumerate(SECTIONS.items(), start=1):
            progress(title, at / (len(SECTIONS) + 1))
            sections.append(section(data))
    return _TEMPLATES.get_template("study.html.j2").render(use_case=data.use_case, sections=sections)
