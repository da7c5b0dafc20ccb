"""The stock side: FastAPI, Feast's own Postgres online store, a frame, ``Pipeline.predict_proba``.

``python -m benchmarks.serving.stock_app PORT FOLDER`` serves ``POST /predict`` with ``{"lead_id": ...}``.
"""

import sys
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, HTTPException
from pydantic import BaseModel

from benchmarks import stock_feast
from leadmill.registry.champion import champion
from leadmill.spec import load_use_case
from leadmill.storage.ddl import feature_columns
from leadmill.training.inputs import model_frame

USE_CASE = "x_education"


class Asked(BaseModel):
    """A request."""

    lead_id: str


def store(folder: Path) -> stock_feast.Store:
    """Feast's view of the features table that leadmill published."""
    columns = {column.name: column.type for column in feature_columns(load_use_case(USE_CASE))}
    return stock_feast.store(folder, columns, f"features.{USE_CASE}")


def create_app(folder: Path) -> FastAPI:
    """The application; the model is loaded once, as one does."""
    app, features, serving = FastAPI(), store(folder), champion(load_use_case(USE_CASE))

    @app.post("/predict")
    def predict(asked: Asked) -> dict[str, Any]:
        frame = features.read([asked.lead_id]).to_df()
        if frame["lead_origin"].isna().any():
            raise HTTPException(404)
        probability = float(serving.model.predict_proba(model_frame(frame, serving.inputs))[0, 1])
        return {"lead_id": asked.lead_id, "prediction": {"lead_score": round(1000 * probability)}}

    return app


if __name__ == "__main__":
    uvicorn.run(create_app(Path(sys.argv[2])), port=int(sys.argv[1]), log_level="warning", access_log=False)
