"""Fill rows in event-time slices: each row by the newest imputer fitted on rows before it (ADR 0001)."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime
from math import ceil
from typing import TYPE_CHECKING

from leadmill.prepare.imputer import MAX_DONORS, Imputer, cold_start, fit, one_thread
from leadmill.spec import UseCase
from leadmill.storage.frames import side_by_side

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd
    import pyarrow as pa
    from numpy.typing import NDArray

# Parts that are filled at a time: the neighbours are looked for without Python's lock.
_AT_ONCE = 2
History = Callable[[datetime], "pd.DataFrame"]


class SliceFiller:
    """Fills the rows of one window, batch by batch, slice by slice.

    Imputers learn from the rows whose ``donor`` is true. ``stored`` are the imputers that exist, ``before`` the number
    of donors in the store, and ``history(t)`` gives the newest of those with event_timestamp < t. A slice ends where
    enough donors have gathered for the next fit (``imputation.first``, then ``growth`` times as many), never between
    rows of one event time. A row is filled by the newest imputer fitted before its ``first_recorded_at``: of an entity
    that is looked at again and again, what was missing stays filled in one way. Where that was fitted on other terms of
    the spec, the next is fitted at once.
    """

    def __init__(self, use_case: UseCase, stored: Sequence[Imputer], before: int, history: History) -> None:
        self.fitted: list[Imputer] = []
        self._use_case, self._versions, self._history = use_case, list(stored), history
        self._before, self._gathered = before, before
        self._features = [column.name for column in use_case.feature_columns]
        self._outdated = _outdated(stored, use_case)
        self._recent: pa.Table | None = None
        self._ended: int | None = None

    @property
    def donors(self) -> int:
        """Donors among the rows filled so far."""
        return self._gathered - self._before

    def fill(self, batches: "Iterable[pa.Table]") -> "Iterator[pa.Table]":
        """Filled parts of ``batches`` (typed rows, sorted by event_timestamp throughout), each by one imputer.

        Imputers learn from rows before they are filled, so the parts are filled side by side.
        """
        parts = (part for batch in batches if len(batch) for part in self._parts(batch))
        with one_thread():
            yield from side_by_side(self._filled, parts, _AT_ONCE)

    def _filled(self, part: "tuple[Imputer, pa.Table]") -> "pa.Table":
        import pyarrow as pa

        imputer, rows = part
        filled = imputer.fill_table(rows, self._use_case.feature_columns)
        left = rows.drop_columns([*self._features, "first_recorded_at", "donor"])
        columns = dict(zip(left.column_names, left.columns, strict=True))
        by = pa.repeat(pa.scalar(imputer.version, pa.int32()), len(rows))
        return pa.table(columns | dict(zip(filled.column_names, filled.columns, strict=True)) | {"imputer_version": by})

    def _parts(self, rows: "pa.Table") -> "Iterator[tuple[Imputer, pa.Table]]":
        """Rows of a batch and who is to fill them, slice by slice."""
        times, donors = _moments(rows["event_timestamp"]), rows["donor"].to_numpy().cumsum()
        # Rows that share the event time of the last batch's end are of its last slice.
        start, position = self._gathered, 0 if self._ended is None else int((times == self._ended).sum())
        if position:
            yield from self._slice(rows.slice(0, position))
            self._gathered = start + int(donors[position - 1])
        self._ended = int(times[-1])
        while position < len(rows):
            newest = max(self._versions, key=lambda imputer: imputer.version, default=None)
            imputation = self._use_case.imputation
            needed = ceil(newest.rows * imputation.growth) if newest else imputation.first
            moment, outdated = rows["event_timestamp"][position].as_py(), self._outdated
            if self._gathered >= needed or (outdated and moment > outdated):
                fitted = self._fit_before(moment, newest)
                if fitted:
                    self._versions.append(fitted)
                    self.fitted.append(fitted)
                    self._outdated = None
                    continue
                needed = self._gathered + imputation.first
            # The row of the donor that completes the number ends the slice.
            enough = int(donors.searchsorted(needed - start)) + 1
            end = _end_of_ties(times, min(enough, len(rows)))
            if outdated and moment <= outdated:
                # Late rows keep the imputer of then, whatever it still can fill.
                through = _as_moments([outdated], rows["event_timestamp"].type)
                end = min(end, int(times.searchsorted(through, side="right")[0]))
            yield from self._slice(rows.slice(position, end - position))
            position, self._gathered = end, start + int(donors[end - 1])

    def _fit_before(self, moment: datetime, newest: Imputer | None) -> Imputer | None:
        """The next imputer, fitted on rows before ``moment``; None where late rows leave too few."""
        import pandas as pd

        order = ["event_timestamp", self._use_case.entity.key]
        donors = self._history(moment)
        if self._recent is not None:
            donors = pd.concat([donors, self._recent.to_pandas()])
        if len(donors) < self._use_case.imputation.first:
            return None
        donors = donors.sort_values(order, kind="stable")
        through = donors["event_timestamp"].max().to_pydatetime()
        fitted = fit(
            (newest.version if newest else 0) + 1, donors[self._features], self._use_case.feature_columns, through
        )
        # Donors are capped, and late rows may leave fewer of them: the rows counted decide when to fit again.
        return replace(fitted, rows=self._gathered)

    def _slice(self, rows: "pa.Table") -> "Iterator[tuple[Imputer, pa.Table]]":
        """Each row goes to the imputer with the newest ``fitted_through`` before its entity was first recorded."""
        import numpy as np
        import pyarrow as pa

        ranked = sorted(self._versions, key=lambda imputer: (_through(imputer), imputer.version))
        recorded = rows["first_recorded_at"]
        throughs = _as_moments([_through(one) for one in ranked], recorded.type)
        chosen = throughs.searchsorted(_moments(recorded), side="left") - 1
        for index in np.unique(chosen).tolist():
            yield ranked[index] if index >= 0 else cold_start(), _only(rows, chosen == index)
        order = [("event_timestamp", "ascending"), (self._use_case.entity.key, "ascending")]
        taught = rows.select([*(name for name, _ in order), *self._features])
        taught = _only(taught, rows["donor"].to_numpy())
        self._recent = taught if self._recent is None else pa.concat_tables([self._recent, taught])
        if len(self._recent) > 2 * MAX_DONORS:
            # Rows come in the order of event time; of those that share one, none is left out.
            times = _moments(self._recent["event_timestamp"])
            self._recent = self._recent.slice(int(times.searchsorted(times[-MAX_DONORS])))
        if len(self._recent) > 2 * MAX_DONORS:
            self._recent = self._recent.sort_by(order).slice(len(self._recent) - MAX_DONORS)


def _outdated(stored: Sequence[Imputer], use_case: UseCase) -> datetime | None:
    """Through when the imputer was fitted that fills new rows, where it was fitted on other terms of the spec."""
    current = max(stored, key=lambda imputer: (_through(imputer), imputer.version), default=None)
    return None if current is None or current.fits(use_case.feature_columns) else _through(current)


def _only(rows: "pa.Table", wanted: "NDArray[np.bool_]") -> "pa.Table":
    return rows if wanted.all() else rows.filter(wanted)


def _moments(times: "pa.ChunkedArray") -> "NDArray[np.int64]":
    """The times as numbers of their unit."""
    import pyarrow as pa

    moments: NDArray[np.int64] = times.cast(pa.int64()).to_numpy()
    return moments


def _as_moments(times: Sequence[datetime], kind: "pa.DataType") -> "NDArray[np.int64]":
    """The times as numbers of the unit of ``kind``."""
    import pyarrow as pa

    return _moments(pa.chunked_array([pa.array(times, kind)]))


def _through(imputer: Imputer) -> datetime:
    if imputer.fitted_through is None:
        raise ValueError("version 0 is never among the fitted imputers")
    return imputer.fitted_through


def _end_of_ties(times: "NDArray[np.int64]", end: int) -> int:
    while end < len(times) and times[end] == times[end - 1]:
        end += 1
    return end
