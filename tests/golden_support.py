"""Features and scores of a small simulated CRM, recorded once: what later and faster code must still give.

    .venv/bin/python tests/golden_support.py    # records tests/golden/ anew, from the code as it is

Recorded before the fast path (issue 4) was built. Record again only where a feature's definition changes on purpose.
"""

import json
import sys
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import psycopg
from support import clean_database, run_etl

from leadmill import settings
from leadmill.demo import crm
from leadmill.local.testing import throw_away_server
from leadmill.registry.champion import Champion
from leadmill.registry.trusted import read_model
from leadmill.scoring.predict import predict
from leadmill.spec import load_use_case
from leadmill.storage import skops_format
from leadmill.storage.frames import read_frame
from leadmill.training.data import rows_of
from leadmill.training.fitting import fit_candidate
from leadmill.training.inputs import model_inputs

GOLDEN = Path(__file__).parent / "golden"
LEADS, DAYS, SEED = 800, 60, 7
# The use case's ages when the tables were recorded: an age more is a row more, and changes no definition.
AGES = (timedelta(days=1), timedelta(days=7), timedelta(days=14))
# The first two differ from run to run; the last is only how a change is noticed.
VOLATILE = ["window_id", "spec_version", "content_hash"]


def features_of_the_seed() -> pd.DataFrame:
    """Every feature row of the first window over the seed's CRM and of a week later, by key and times."""
    forget()
    use_case = load_use_case("leads").model_copy(update={"as_of": AGES})
    crm.load(LEADS, DAYS, SEED)
    run_etl(use_case)
    crm.simulate(7, seed=SEED)
    run_etl(use_case)
    return read_frame("SELECT * FROM features.leads ORDER BY lead_id, event_timestamp, created_timestamp").drop(
        columns=VOLATILE
    )


def forget() -> None:
    """No CRM and no features."""
    clean_database()
    with psycopg.connect(settings.required("LEADMILL_WAREHOUSE_URL"), autocommit=True) as owner:
        owner.execute("DROP SCHEMA IF EXISTS crm CASCADE")
        owner.execute("DROP SCHEMA IF EXISTS sim CASCADE")


def scores_of(features: pd.DataFrame) -> pd.DataFrame:
    """Scores by the recorded model, of every feature row in its order."""
    frozen = json.loads((GOLDEN / "champion.json").read_text())
    use_case = load_use_case("leads")
    champion = Champion(
        use_case=use_case.name,
        version="golden",
        candidate="logistic_regression",
        model=read_model(GOLDEN / "model.skops"),
        inputs=model_inputs(use_case),
        bands=frozen["bands"],
        percentiles=np.asarray(frozen["percentiles"]),
    )
    return predict(use_case, champion, features)


def read(name: str) -> pd.DataFrame:
    """A recorded table without the volatile columns, its times as UTC."""
    frame = pd.read_csv(GOLDEN / f"{name}.csv.gz").drop(columns=VOLATILE, errors="ignore")
    for column in ("event_timestamp", "created_timestamp"):
        if column in frame:
            frame[column] = pd.to_datetime(frame[column], utc=True, format="ISO8601")
    return frame


def record() -> None:
    """Write the features, a model fitted on them, and its scores."""
    GOLDEN.mkdir(exist_ok=True)
    use_case = load_use_case("leads")
    features = features_of_the_seed()
    won = read_frame("SELECT DISTINCT lead_id FROM features.leads_labels WHERE label = 1")["lead_id"]
    inputs = model_inputs(use_case)
    rows = rows_of(use_case, features.assign(label=features["lead_id"].isin(won).astype(int), weight=1.0), inputs)
    model = fit_candidate("logistic_regression", inputs, rows)
    (GOLDEN / "model.skops").write_bytes(skops_format.dumps(model))
    probability = model.predict_proba(rows.x)[:, 1]
    cuts = {band: float(np.quantile(probability, 1 - share)) for band, share in use_case.score.bands.items()}
    frozen = {"bands": cuts, "percentiles": np.quantile(probability, np.linspace(0, 1, 101)).tolist()}
    (GOLDEN / "champion.json").write_text(json.dumps(frozen, indent=1) + "\n")
    for name, frame in (("features", features), ("scores", scores_of(features))):
        frame.to_csv(GOLDEN / f"{name}.csv.gz", index=False, compression={"method": "gzip", "mtime": 0})
    sys.stdout.write(f"{len(features):,} rows\n")


if __name__ == "__main__":
    with throw_away_server("golden"):
        record()
