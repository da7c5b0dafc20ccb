"""A part of a file judged by the row rules of the ETL: typed rows, and the rows that cannot be scored."""

from dataclasses import dataclass
from datetime import datetime

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from leadmill.quality import values
from leadmill.quality.rules import RowRule, column_rules, row_rules
from leadmill.quality.spelled import RawBatch
from leadmill.scoring.file.columns import Columns, offered
from leadmill.scoring.file.reading import Part
from leadmill.spec import UseCase

# No column of a file begins with an underscore.
ROW, LINE, REASONS = "_row", "_line", "_reasons"
_SHOWN = 80


@dataclass(frozen=True)
class Judged:
    """``typed``: row_no (the row's position in the file, from 1), key, event_timestamp, label (null) and the features
    that the file gives, of the sound rows. ``bad``: ROW, LINE, REASONS and every column as written, of the others.
    """

    typed: pa.Table
    bad: pa.Table


class Judge:
    """Judges parts of one file; ``moment`` is the time of rows that say none themselves."""

    def __init__(self, use_case: UseCase, columns: Columns, moment: datetime) -> None:
        self._use_case, self._columns, self._moment = use_case, columns, moment
        self._offered = offered(use_case)
        self._rules: tuple[RowRule, ...] = (
            row_rules(use_case)[0],
            *(rule for column in self._offered if column.name in columns.features for rule in column_rules(column)),
        )

    def judge(self, part: Part) -> Judged:
        """The part's rows, sound and bad, each in the order of the file."""
        key, size = self._use_case.entity.key, len(part)
        nothing = pa.nulls(size, pa.string())
        texts = {
            column.name: part.columns[self._columns.features[column.name]]
            if column.name in self._columns.features
            else nothing
            for column in self._offered
        }
        times = self._times(part)
        batch = RawBatch(
            self._use_case,
            pa.table({**texts, key: self._keys(part), "recorded_at": times}),
            self._offered,
        )
        reasons = self._reasons(part, batch, times)
        sound = np.array([at not in reasons for at in range(size)], dtype=np.bool_)
        return Judged(self._typed(part, batch, times, sound), _bad(part, reasons, sound))

    def _keys(self, part: Part) -> pa.Array:
        if self._columns.make_key is None:
            return part.columns[self._columns.key or ""]
        rows = zip(*(column.to_pylist() for column in part.columns.values()), strict=True)
        return pa.array([self._columns.make_key(row) for row in rows], pa.string())

    def _times(self, part: Part) -> pa.Array:
        if self._columns.rule is None:
            found: list[datetime | None] = [self._moment] * len(part)
        else:
            found = [self._columns.rule.time(text) for text in part.columns[self._columns.created or ""].to_pylist()]
        return pa.array(found, pa.timestamp("us", "UTC"))

    def _reasons(self, part: Part, batch: RawBatch, times: pa.Array) -> dict[int, str]:
        """Why each bad row is bad, by its position in the part."""
        found: dict[int, list[str]] = {at: [fault] for at, fault in part.faults.items()}
        whole = set(found)
        if times.null_count:
            for at in np.flatnonzero(times.is_null().to_numpy(zero_copy_only=False)).tolist():
                if at not in whole:
                    text = part.columns[self._columns.created or ""][at].as_py()
                    found.setdefault(at, []).append(f"{self._columns.created}: '{_shown(text)}' makes no time")
        for rule in self._rules:
            broken = rule.broken(batch)
            for at in [] if broken is None else np.flatnonzero(broken).tolist():
                if at not in whole:
                    text = batch.rows[rule.column][at].as_py()
                    found.setdefault(at, []).append(f"{rule.column}: '{_shown(text)}' is not {rule.says}")
        return {at: "; ".join(said) for at, said in found.items()}

    def _typed(self, part: Part, batch: RawBatch, times: pa.Array, sound: NDArray[np.bool_]) -> pa.Table:
        kept, entity = pa.array(np.flatnonzero(sound)), self._use_case.entity
        typed = {
            "row_no": pa.array(np.arange(part.first, part.first + len(part)), pa.int64()).take(kept),
            entity.key: values.key(entity.key_type, batch.rows[entity.key].combine_chunks().take(kept)),
            "event_timestamp": times.take(kept),
            "label": pa.nulls(len(kept), pa.int16()),
        }
        for column in self._offered:
            typed[column.name] = batch[column.name].of_rows(batch[column.name].prepared).take(kept)
        return pa.table(typed)


def _bad(part: Part, reasons: dict[int, str], sound: NDArray[np.bool_]) -> pa.Table:
    at = np.flatnonzero(~sound)
    return pa.table(
        {
            ROW: pa.array(at + part.first, pa.int64()),
            LINE: pa.array([part.lines[place] for place in at.tolist()], pa.int64()),
            REASONS: pa.array([reasons[place] for place in at.tolist()], pa.string()),
            **{name: texts.take(pa.array(at)) for name, texts in part.columns.items()},
        }
    )


def _shown(text: str | None) -> str:
    return (text or "")[:_SHOWN]
