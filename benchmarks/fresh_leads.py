"""How far the champion of ``leads`` is from the oracle on 100,000 leads that it has never seen.

    .venv/bin/python benchmarks/fresh_leads.py [--leads 20000] [--days 365] [--seed 7] [--fresh 100000] [--fresh-seed 1]

One server is filled with the demo's leads and gets a champion; a second one, with leads of another seed, only features
(its learned imputers are its own). Each fresh lead counts once, at a moment drawn from its first two weeks at which it
was open: with the feature row that a scoring at that moment would have used. Printed are score less truth by tenth of
the scores with 95 % intervals (leads are drawn), their mean size, and the ROC AUC against the oracle's. The oracle and
the model are asked about 10,000 leads at a time: memory is that of the ETL.
"""

import argparse
import multiprocessing
import resource
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import joblib
import numpy as np
import pandas as pd

from leadmill.demo import crm
from leadmill.demo.comparison import off_by_decile
from leadmill.demo.crm import oracle
from leadmill.demo.drifted import expected_auc
from leadmill.demo.warehouse import warehouse_engine
from leadmill.local.testing import throw_away_server
from leadmill.orchestration.stages import STAGES
from leadmill.spec import load_use_case
from leadmill.storage.frames import read_batches
from leadmill.training.inputs import model_frame
from leadmill.training.predict import probabilities

ETL = ("extract", "check_raw", "impute_encode", "check_features", "publish")
AT_ONCE = 10_000
# Of those drawn some have closed by their moment.
SPARE = 1.4
_ROWS = """
SELECT f.* FROM (
    SELECT
        lead_id,
        first_recorded_at + interval '14 days' * ((hashtextextended(lead_id, 7) & 65535) / 65536.0) AS moment
    FROM features.leads_entities
) AS e
CROSS JOIN LATERAL (
    SELECT * FROM features.leads AS given WHERE given.lead_id = e.lead_id AND given.event_timestamp <= e.moment
    ORDER BY given.event_timestamp DESC, given.created_timestamp DESC LIMIT 1
) AS f
WHERE NOT EXISTS (
    SELECT FROM features.leads_labels AS l WHERE l.lead_id = e.lead_id AND l.closed AND l.known_at <= e.moment
)
ORDER BY hashtextextended(e.lead_id, 8)
"""


def champion_of(leads: int, days: int, seed: int, file: Path) -> None:
    """A server of its own, filled and trained; its champion goes into ``file``."""
    from leadmill.registry.champion import champion

    with throw_away_server("taught"):
        crm.load(leads, days, seed)
        stages(*ETL, "train")
        serving = champion(load_use_case("leads"))
        joblib.dump((serving.candidate, serving.model, serving.inputs), file)


def judged(fresh: int, days: int, seed: int, file: Path, found: Path) -> None:
    """A second server with fresh leads: score, truth and key of each, into ``found``."""
    candidate, model, inputs = joblib.load(file)
    with throw_away_server("fresh"):
        crm.load(int(fresh * SPARE), days, seed)
        stages(*ETL)
        kept = 0
        parts = []
        for frame in rows():
            with warehouse_engine().connect() as connection:
                truth = oracle.probabilities(connection, frame["lead_id"], frame["event_timestamp"])
            scored = frame[["lead_id"]].assign(score=probabilities(model, model_frame(frame, inputs)))
            parts.append(scored.merge(truth.rename(columns={"probability": "truth"})[["lead_id", "truth"]]))
            kept += len(parts[-1])
            if kept >= fresh:
                break
        pd.concat(parts).head(fresh).assign(candidate=candidate).to_parquet(found, index=False)


def rows() -> Iterator[pd.DataFrame]:
    """Feature rows at the drawn moments, AT_ONCE at a time, in an order that has nothing to do with time."""
    for table in read_batches(_ROWS, AT_ONCE):
        yield table.to_pandas()


def stages(*names: str) -> None:
    for name in names:
        sys.stderr.write(f"{name}: {STAGES[name](load_use_case('leads'), f'benchmark/{name}')[:150]}\n")


def in_a_process(work: object, *arguments: object) -> None:
    # Feast's and MLflow's stores are kept per process, and each server has its own.
    process = multiprocessing.get_context("spawn").Process(target=work, args=arguments)  # type: ignore[arg-type]
    process.start()
    process.join()
    if process.exitcode:
        raise SystemExit(process.exitcode)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--leads", type=int, default=20_000)
    parser.add_argument("--days", type=int, default=365)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--fresh", type=int, default=100_000)
    parser.add_argument("--fresh-seed", type=int, default=1)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        model, found = Path(folder) / "champion.joblib", Path(folder) / "judged.parquet"
        in_a_process(champion_of, given.leads, given.days, given.seed, model)
        in_a_process(judged, given.fresh, given.days, given.fresh_seed, model, found)
        both = pd.read_parquet(found)
    off = off_by_decile(both["score"], both["truth"], both["lead_id"])
    most = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
    worst = max(off, key=lambda one: abs(one.value))
    sys.stdout.write(
        f"{both['candidate'].iloc[0]} of {given.leads:,} leads (seed {given.seed}) on {len(both):,} fresh leads "
        f"(seed {given.fresh_seed}): ROC AUC expected {expected_auc(both['score'], both['truth']):.4f}, "
        f"oracle {expected_auc(both['truth'], both['truth']):.4f}\n"
        f"score less truth by tenth: mean size {np.mean([abs(one.value) for one in off]):.4f}, "
        f"at most {worst.value:+.4f}; largest Python process {most / 2**20:.1f} GiB\n"
    )
    for number, one in enumerate(off, start=1):
        sys.stdout.write(f"  {number:>2}  {one.value:+.4f} ({one.low:+.4f} to {one.high:+.4f})\n")


if __name__ == "__main__":
    main()
