"""A full rescoring while a reader polls: ``python -m benchmarks.rescoring`` on the server that runs now.

Every score is made to look like another model's, so that all entities are due; then plan and score as usual. Timed is
the publication alone. The reader, a process of its own, counts the published rows and those of the new run over and
over: any answer but none or all of them, or another number of rows, or an error, is a broken poll. Prints one line of
JSON.
"""

import logging
import multiprocessing
import time
from multiprocessing.synchronize import Event
from typing import Any

import psycopg

from benchmarks.measured import answer
from benchmarks.world import use_case
from leadmill import names, settings

RUN = "bench/rescoring"


def rescore() -> dict[str, Any]:
    """Rows rescored, seconds of the publication, and what the reader saw."""
    from benchmarks import leadmill_side

    leadmill_side.warm_up()
    logging.disable(logging.WARNING)
    from leadmill.scoring.batch import plan, score_chunk
    from leadmill.scoring.publish import publish_scores

    scores = names.scores_table(use_case())
    with psycopg.connect(settings.current().database_url, autocommit=True) as connection:
        connection.execute(f"UPDATE {scores} SET model_version = '0'".encode())
        connection.execute(f"UPDATE {names.score_runs_table(use_case())} SET complete_for = '0'".encode())
        connection.execute(f"VACUUM (ANALYZE) {names.score_rows_table(use_case())}".encode())
    staged = sum(score_chunk(use_case(), RUN, chunk) for chunk in plan(use_case(), RUN))
    context = multiprocessing.get_context("spawn")
    done, answers = context.Event(), context.Queue()
    reader = context.Process(target=_poll, args=(settings.current().database_url, scores, done, answers))
    reader.start()
    answers.get()
    started = time.perf_counter()
    publish_scores(use_case(), RUN, staged)
    seconds = time.perf_counter() - started
    done.set()
    seen: list[tuple[int, int, float]] = answers.get()
    reader.join()
    whole = {(staged, 0), (staged, staged)}
    return {
        "rescored": staged,
        "publish_seconds": seconds,
        "polls": len(seen),
        "broken_polls": sum((total, new) not in whole for total, new, _ in seen),
        "longest_wait": max(wait for _, _, wait in seen),
    }


def _poll(url: str, scores: str, done: Event, answers: Any) -> None:
    """Poll until ``done``, and once after it; an error is an answer of no rows."""
    statement = f"SELECT count(*), count(*) FILTER (WHERE run_id = '{RUN}') FROM {scores}".encode()
    seen: list[tuple[int, int, float]] = []
    answers.put("ready")
    last = False
    while not last:
        last = done.is_set()
        started = time.perf_counter()
        try:
            with psycopg.connect(url) as connection:
                total, new = connection.execute(statement).fetchone() or (0, -1)
        except psycopg.Error:
            total, new = 0, -1
        seen.append((total, new, time.perf_counter() - started))
    answers.put(seen)


def main() -> None:
    answer(rescore)


if __name__ == "__main__":
    main()
