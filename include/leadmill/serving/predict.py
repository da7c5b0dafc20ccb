"""Scores on demand: one entity with its reasons, or many without."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from leadmill.scoring.classed import Classed
from leadmill.scoring.scored import Scored, ScoredMany
from leadmill.serving.body import fields, invalid, payload_of
from leadmill.serving.metrics import Metrics
from leadmill.serving.payload import Filled
from leadmill.serving.prediction_log import Origin, PredictionLog
from leadmill.serving.problems import Fault, Problem
from leadmill.serving.served import Entities, Served, Serving


@dataclass(frozen=True)
class Asked:
    """A request as the gate let it in."""

    request_id: UUID
    began: float

    @property
    def ms(self) -> float:
        """Milliseconds since it arrived."""
        return (time.perf_counter() - self.began) * 1000


@dataclass(slots=True)
class Item:
    """One entity to be scored: where in the body it stands, its key as written and as stored, and its payload.

    Without a key there is a payload.
    """

    number: int
    key: Any
    stored: str | int | None
    payload: dict[str, Any] | None


class Predictor:
    """Answers of one use case."""

    def __init__(self, served: Served, log: PredictionLog, metrics: Metrics, most: int) -> None:
        self._served, self._log, self._most = served, log, most
        self._name, self._entity = served.use_case.name, served.use_case.entity
        self._score = served.use_case.score_column
        self._scored = metrics.scored.labels(self._name)

    async def one(self, body: Any, asked: Asked) -> dict[str, Any]:
        """The answer to ``{key, payload?}``. Raises Problem."""
        found = fields(body, self._entity.key, (self._entity.key, "payload"))
        try:
            stored = self._served.keys.stored(found[self._entity.key])
        except ValueError as error:
            raise invalid(Fault(f"/{self._entity.key}", str(error))) from error
        payload, serving = payload_of(found), self._served.champion()
        if payload is None:
            return await self.of_store(stored, serving, asked)
        return await self.of_payload(stored, payload, serving, asked)

    async def of_payload(
        self, stored: str | int | None, payload: dict[str, Any], serving: Serving, asked: Asked
    ) -> dict[str, Any]:
        """The answer by the features of the request; without a key its key is null. Raises Problem (422)."""
        filled = (await asyncio.to_thread(serving.payloads.fill, [payload]))[0]
        if isinstance(filled, list):
            raise invalid(*filled)
        scored = await _scored(serving, filled.values)
        moment, status = self._now(), "fresh"
        self._note(asked, stored, "payload", filled.values, serving, scored, status)
        return self._answer(stored, serving, scored, status, moment, asked, "payload") | _said(filled)

    async def of_payloads(self, payloads: Sequence[dict[str, Any] | Problem], asked: Asked) -> dict[str, Any]:
        """The answers to payloads without keys, as :meth:`many` gives them; a Problem is that item's own error."""
        serving = self._served.champion()
        results = [{"error": one.as_dict()} if isinstance(one, Problem) else {} for one in payloads]
        items = [Item(at, None, None, one) for at, one in enumerate(payloads) if not isinstance(one, Problem)]
        if items:
            await asyncio.to_thread(self._from_payloads, items, serving, results, asked)
        return {"request_id": str(asked.request_id), "model_version": serving.scorer.version, "results": results}

    async def of_store(self, stored: str | int, serving: Serving, asked: Asked) -> dict[str, Any]:
        """The answer about an entity by its online features. Raises Problem: 404 where it is unknown."""
        entity = await self._served.entity(stored)
        if entity is None:
            raise self.unknown()
        scored, status = await _scored(serving, entity.values), self._served.status(entity)
        self._note(asked, stored, "online", entity.values, serving, scored, status)
        return self._answer(stored, serving, scored, status, entity.event_timestamp, asked, "online")

    def unknown(self) -> Problem:
        """No such entity."""
        return Problem("unknown-entity", f"The online store of '{self._name}' has no {self._entity.name} of this key.")

    async def many(self, body: Any, asked: Asked) -> dict[str, Any]:
        """The answers to ``{items: [{key, payload?}, ...]}``, without reasons; what is wrong with one is its own error.

        Raises Problem where the whole cannot be answered.
        """
        items = fields(body, "items", ("items",))["items"]
        if not isinstance(items, list) or not 1 <= len(items) <= self._most:
            raise invalid(Fault("/items", f"a list of 1 to {self._most:,} items is needed here"))
        serving = self._served.champion()
        results: list[dict[str, Any]] = [{}] * len(items)
        sound = [item for number, one in enumerate(items) if (item := self._item(number, one, results))]
        await self._from_store([item for item in sound if item.payload is None], serving, results, asked)
        payloads = [item for item in sound if item.payload is not None]
        if payloads:
            await asyncio.to_thread(self._from_payloads, payloads, serving, results, asked)
        return {"request_id": str(asked.request_id), "model_version": serving.scorer.version, "results": results}

    def _item(self, number: int, item: Any, results: list[dict[str, Any]]) -> Item | None:
        key = self._entity.key
        where = f"/items/{number}"
        try:
            if type(item) is dict and len(item) == 1 and key in item:
                return Item(number, item[key], self._served.keys.stored(item[key]), None)
            found = fields(item, key, (key, "payload"), where)
            return Item(number, found[key], self._served.keys.stored(found[key]), payload_of(found, where))
        except ValueError as error:
            results[number] = {"error": invalid(Fault(f"{where}/{key}", str(error))).as_dict()}
        except Problem as problem:
            results[number] = {"error": problem.as_dict()}
        return None

    async def _from_store(
        self, items: Sequence[Item], serving: Serving, results: list[dict[str, Any]], asked: Asked
    ) -> None:
        if not items:
            return
        entities = await self._served.entities([item.stored for item in items if item.stored is not None])
        known = [item for item in items if item.stored in entities.places]
        for item in items:
            if item.stored not in entities.places:
                results[item.number] = {self._entity.key: item.key, "error": self.unknown().as_dict()}
        if known:
            await asyncio.to_thread(self._score_known, known, entities, serving, results, asked)

    def _score_known(
        self, known: Sequence[Item], entities: Entities, serving: Serving, results: list[dict[str, Any]], asked: Asked
    ) -> None:
        places = [entities.places[item.stored] for item in known if item.stored is not None]
        scored = serving.scorer.many({name: entities.columns[name] for name in serving.inputs})
        statuses = self._served.statuses(entities)
        self._tell(
            known, places, entities.columns, statuses, entities.moments, serving, scored, results, asked, "online"
        )

    def _from_payloads(
        self, items: Sequence[Item], serving: Serving, results: list[dict[str, Any]], asked: Asked
    ) -> None:
        filled = serving.payloads.fill([item.payload or {} for item in items])
        sound: list[tuple[Item, Filled]] = []
        for item, one in zip(items, filled, strict=True):
            if isinstance(one, Filled):
                sound.append((item, one))
            else:
                faults = [Fault(f"/items/{item.number}{fault.pointer}", fault.detail) for fault in one]
                results[item.number] = {self._entity.key: item.key, "error": invalid(*faults).as_dict()}
        if not sound:
            return
        columns = {name: [one.values[name] for _, one in sound] for name in serving.inputs}
        scored, moment, places = serving.scorer.many(columns), self._now(), range(len(sound))
        known, statuses, moments = [item for item, _ in sound], ["fresh"] * len(sound), [moment] * len(sound)
        self._tell(known, places, columns, statuses, moments, serving, scored, results, asked, "payload")
        for item, one in sound:
            results[item.number] |= _said(one)

    def _tell(
        self,
        items: Sequence[Item],
        places: Sequence[int],
        columns: Mapping[str, Sequence[Any]],
        statuses: Sequence[str],
        moments: Sequence[datetime],
        serving: Serving,
        scored: ScoredMany,
        results: list[dict[str, Any]],
        asked: Asked,
        origin: Origin,
    ) -> None:
        """Write the answers down, in the log too; what was scored of an item stands at its place in the columns."""
        score, probability = scored.score.tolist(), scored.probability.tolist()
        band, percentile = scored.band.tolist(), scored.percentile.tolist()
        for item, at in zip(items, places, strict=True):
            results[item.number] = {
                self._entity.key: item.stored,
                "prediction": {
                    self._score: score[at], "probability": probability[at],
                    "band": band[at], "percentile": percentile[at],
                },
                "status": statuses[at],
                "feature_timestamp": moments[at],
            }  # fmt: skip
        if scored.classed is not None:
            classes = list(scored.classed.each())
            for item, at in zip(items, places, strict=True):
                results[item.number]["prediction"] |= _classes(classes[at])
        if serving.scorer.decides:
            decisions = [None] * len(statuses) if scored.decision is None else scored.decision.tolist()
            for item, at in zip(items, places, strict=True):
                results[item.number]["prediction"]["decision"] = decisions[at]
        features = list(zip(*(columns[name] for name in serving.inputs), strict=True))
        told = [
            (_key(item.stored), features[at], score[at], probability[at], statuses[at])
            for item, at in zip(items, places, strict=True)
        ]
        self._log.add(asked.request_id, self._name, origin, serving.scorer.version, asked.ms, told)
        self._scored.inc(len(items))

    def _answer(
        self,
        stored: str | int | None,
        serving: Serving,
        scored: Scored,
        status: str,
        moment: datetime,
        asked: Asked,
        origin: Origin,
    ) -> dict[str, Any]:
        return {
            "request_id": str(asked.request_id),
            self._entity.key: stored,
            "prediction": {
                self._score: scored.score,
                "probability": scored.probability,
                "band": scored.band,
                "percentile": scored.percentile,
                "base": scored.base,
                "reasons": scored.reasons,
                **(_classes(scored.classed) if scored.classed else {}),
                **({"decision": scored.decision} if serving.scorer.decides else {}),
            },
            "status": status,
            "age_seconds": self._served.freshness.age() if origin == "online" else 0.0,
            "model_version": serving.scorer.version,
            "feature_timestamp": moment,
            "features_from": origin,
        }

    def _note(
        self,
        asked: Asked,
        stored: str | int | None,
        origin: Origin,
        values: dict[str, Any],
        serving: Serving,
        scored: Scored,
        status: str,
    ) -> None:
        features = [values[name] for name in serving.inputs]
        told = [(_key(stored), features, scored.score, scored.probability, status)]
        self._log.add(asked.request_id, self._name, origin, serving.scorer.version, asked.ms, told)
        self._scored.inc()

    def _now(self) -> datetime:
        return self._served.freshness.now() or datetime.now(UTC)


def _key(stored: str | int | None) -> str | None:
    return None if stored is None else str(stored)


async def _scored(serving: Serving, values: dict[str, Any]) -> Scored:
    """One entity's score; what takes milliseconds keeps nobody else waiting."""
    if serving.scorer.light:
        return serving.scorer.one(values)
    return await asyncio.to_thread(serving.scorer.one, values)


def _classes(classed: Classed) -> dict[str, Any]:
    """What a multiclass use case adds to a prediction."""
    return {
        "predicted_class": classed.predicted_class,
        "probabilities": classed.probabilities,
        "predicted_value": classed.predicted_value,
        "interval": classed.interval,
    }


def _said(filled: Filled) -> dict[str, Any]:
    return {"ignored": filled.ignored, "imputed": filled.imputed, "assumed": filled.assumed}
