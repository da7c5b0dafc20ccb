"""Features that a request brings itself: raw values and one-hot names, judged and filled as the ETL does."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from leadmill.columns import OTHER_LEVEL, UNKNOWN_LEVEL, Column
from leadmill.errors import nearest
from leadmill.prepare.imputer import Imputer
from leadmill.prepare.typed import derived, given
from leadmill.quality.rules import column_rules
from leadmill.quality.spelled import RawBatch
from leadmill.serving.hints import Hints
from leadmill.serving.problems import Fault
from leadmill.spec import UseCase

if TYPE_CHECKING:
    import pandas as pd

_LEVELLED = ("category", "ordered")
_SWITCH = (0, 1)
Given = Mapping[str, Any]


@dataclass
class Read:
    """What one payload says of the features that are ``taken``: raw text of each, and what became of the rest."""

    taken: frozenset[str]
    texts: dict[str, str | None] = field(default_factory=dict)
    pointers: dict[str, str] = field(default_factory=dict)
    ignored: list[str] = field(default_factory=list)
    assumed: dict[str, str] = field(default_factory=dict)
    derived: set[str] = field(default_factory=set)
    faults: list[Fault] = field(default_factory=list)


@dataclass(frozen=True)
class Filled:
    """A payload ready to be scored: ``values`` of every feature and flag, and what the request did not say itself."""

    values: dict[str, Any]
    ignored: tuple[str, ...]
    imputed: dict[str, Any]
    assumed: dict[str, str]


class PayloadReader:
    """Reads payloads of one use case for a model that takes the features ``used``; made anew with each champion."""

    def __init__(
        self,
        use_case: UseCase,
        imputer: Imputer,
        used: frozenset[str],
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._use_case, self._imputer, self._used, self._now = use_case, imputer, used, now
        self._derived = {column.name for column in use_case.feature_columns if column.derived and column.name in used}
        self._given = frozenset(column.name for column in given(use_case))
        self._columns = {column.name: column for column in use_case.feature_columns}
        self._declared = {*use_case.features, *use_case.facts}
        self._one_hot: dict[str, list[tuple[str, str]]] = defaultdict(list)
        self._levels: dict[str, tuple[str, ...]] = {}
        for column in use_case.feature_columns:
            if column.type in _LEVELLED:
                self._levels[column.name] = vocabulary(column, imputer)
                for level in self._levels[column.name]:
                    self._one_hot[f"{column.name}_{level}"].append((column.name, level))

    def fill(self, payloads: Sequence[Given]) -> list[Filled | list[Fault]]:
        """For each payload its features, or what is wrong with it."""
        hints = Hints(self._hint)
        read = [self._read(payload, hints) for payload in payloads]
        judged = self._typed(read)
        sound = [number for number, one in enumerate(read) if not one.faults]
        if not sound:
            return [one.faults for one in read]
        filled = self._impute(judged.iloc[sound])
        rows: dict[int, Any] = dict(zip(sound, filled.to_dict("records"), strict=True))
        return [self._result(one, rows[at]) if at in rows else one.faults for at, one in enumerate(read)]

    def _read(self, payload: Given, hints: Hints) -> Read:
        read, groups = Read(self._taken(payload)), defaultdict[str, dict[str, bool]](dict)
        for name, value in payload.items():
            pointer = f"/payload/{name.replace('~', '~0').replace('/', '~1')}"
            if name in self._declared:
                self._read_value(read, name, value, pointer)
            elif name in self._one_hot:
                self._read_switch(read, groups, name, value, pointer)
            else:
                said = f"'{self._use_case.name}' declares no '{name[:100]}'.{hints.of(name)}"
                read.faults.append(Fault(pointer, said))
        for feature, levels in groups.items():
            self._read_group(read, feature, levels)
        return read

    def _hint(self, name: str) -> str:
        near = nearest(name, [*self._declared, *self._one_hot])
        return f" Did you mean '{near}'?" if near else ""

    def _taken(self, payload: Given) -> frozenset[str]:
        """The features that are read: those of the model, and all from which one of these may have to be derived."""
        said = {*payload, *(feature for name in payload for feature, _ in self._one_hot.get(name, ()))}
        return self._used if self._derived <= said else self._used | self._given

    def _read_value(self, read: Read, name: str, value: Any, pointer: str) -> None:
        if name not in read.taken:
            read.ignored.append(name)
        elif isinstance(value, dict | list):
            read.faults.append(Fault(pointer, "a number, a text, true, false or null is needed here"))
        else:
            read.texts[name], read.pointers[name] = _text(value), pointer

    def _read_switch(self, read: Read, groups: dict[str, dict[str, bool]], name: str, value: Any, pointer: str) -> None:
        if len(self._one_hot[name]) > 1:
            meant = " or ".join(f"{feature} = {level}" for feature, level in self._one_hot[name])
            read.faults.append(Fault(pointer, f"this may mean {meant}: give the feature's own value"))
            return
        feature, level = self._one_hot[name][0]
        if feature not in read.taken:
            read.ignored.append(name)
        elif not isinstance(value, int | float) or value not in _SWITCH:
            read.faults.append(Fault(pointer, f"a level of '{feature}' is on (1) or off (0)"))
        else:
            groups[feature][level] = bool(value)
            read.pointers.setdefault(feature, pointer)

    def _read_group(self, read: Read, feature: str, levels: dict[str, bool]) -> None:
        on = [level for level, is_on in levels.items() if is_on]
        if feature in read.texts:
            said = f"'{feature}' is given by its value and by its levels ({', '.join(levels)}): give one of them"
            read.faults.append(Fault(read.pointers[feature], said))
        elif len(on) > 1:
            said = f"'{feature}' has one level, but {' and '.join(on)} are on"
            read.faults.append(Fault(read.pointers[feature], said))
        elif on:
            read.texts[feature] = on[0]
        else:
            level = self._none_of(feature, levels)
            if level is None:
                said = f"every level of '{feature}' is off: one of them must be on"
                read.faults.append(Fault(read.pointers[feature], said))
            else:
                read.texts[feature] = read.assumed[feature] = level

    def _none_of(self, feature: str, named: Mapping[str, bool]) -> str | None:
        """What a feature is taken to be that is none of the levels named: nobody knows, else something else."""
        column = self._columns[feature]
        known = [level for level in self._levels[feature] if level not in named]
        if column.type == "ordered":
            usual = column.levels[int(column.cold_start or 0)]
            return usual if usual in known else next(iter(known), None)
        return next((level for level in (UNKNOWN_LEVEL, OTHER_LEVEL, *known) if level in known), None)

    def _typed(self, read: Sequence[Read]) -> "pd.DataFrame":
        """Values by feature, missing ones empty; faults of values are added to those of their payload."""
        import pandas as pd

        columns = list(self._columns.values())
        texts = {one.name: pa.array([row.texts.get(one.name) for row in read], pa.string()) for one in columns}
        batch, typed = RawBatch(self._use_case, pa.table(texts), columns), {}
        for column in columns:
            if texts[column.name].null_count < len(read):
                self._judge(column, batch, read)
            values = batch[column.name].of_rows(batch[column.name].prepared).to_pylist()
            for number, row in enumerate(read):
                # 'unknown' said aloud is a level; only of values that say nothing the rest is guessed.
                if row.texts.get(column.name) == UNKNOWN_LEVEL == column.impute:
                    values[number] = UNKNOWN_LEVEL
            typed[column.name] = pd.Series(values, dtype=object)
        sound = [number for number, row in enumerate(read) if not row.faults]
        if any(name not in read[number].texts for number in sound for name in self._derived):
            self._derive(batch, read, sound, typed)
        return pd.DataFrame(typed)

    def _derive(
        self, batch: RawBatch, read: Sequence[Read], sound: Sequence[int], typed: dict[str, "pd.Series[Any]"]
    ) -> None:
        """What ``sql/features.sql`` makes of the sound rows, each alone and of now, where they do not say it.

        Of earlier rows it sees none, so a feature of these stays missing.
        """
        entity, size = self._use_case.entity, len(sound)
        rows = {
            "row_no": pa.array(sound, pa.int64()),
            entity.key: pa.nulls(size, pa.int64() if entity.key_type == "int" else pa.string()),
            "event_timestamp": pa.array([self._now()] * size, pa.timestamp("us", "UTC")),
            "label": pa.nulls(size, pa.int16()),
        }
        for column in given(self._use_case):
            rows[column.name] = batch[column.name].of_rows(batch[column.name].prepared).take(pa.array(sound))
        for table in derived(self._use_case, [pa.table(rows)], "d.row_no"):
            for made in table.to_pylist():
                row = read[made["row_no"]]
                for name in self._derived:
                    if name not in row.texts and made[name] is not None:
                        typed[name][made["row_no"]] = made[name]
                        row.derived.add(name)

    def _judge(self, column: Column, batch: RawBatch, read: Sequence[Read]) -> None:
        for rule in column_rules(column):
            broken = rule.broken(batch)
            for number in [] if broken is None else broken.nonzero()[0].tolist():
                row = read[number]
                shown = str(row.texts[column.name])[:100]
                if row.faults and row.faults[-1].pointer == row.pointers[column.name]:
                    continue
                row.faults.append(Fault(row.pointers[column.name], f"'{shown}' is not {rule.says}"))

    def _impute(self, rows: "pd.DataFrame") -> "pd.DataFrame":
        # Such a gap the ETL refuses; here it reads as the constant that older rows read, and the answer says so.
        for column in self._columns.values():
            if column.impute == "none":
                gaps = rows[column.name].isna()
                rows = rows.assign(**{column.name: rows[column.name].mask(gaps, column.cold_start)})
        return self._imputer.fill(rows, list(self._columns.values()))

    def _result(self, read: Read, values: dict[str, Any]) -> Filled:
        said = {name for name, text in read.texts.items() if self._says(name, text)}
        imputed = {
            name: self._shown(name, values[name])
            for name in self._columns
            if name in self._used and name not in said and name not in read.assumed and name not in read.derived
        }
        return Filled(values, tuple(read.ignored), imputed, read.assumed)

    def _says(self, name: str, text: str | None) -> bool:
        column = self._columns[name]
        markers = {"", *(marker.lower() for marker in column.missing)}
        return text is not None and (text.strip(" ").lower() not in markers or text == UNKNOWN_LEVEL)

    def _shown(self, name: str, value: Any) -> Any:
        column = self._columns[name]
        return column.levels[int(value)] if column.type == "ordered" else value


def vocabulary(column: Column, imputer: Imputer) -> tuple[str, ...]:
    """The levels by which a one-hot name of the column may end: the declared ones, else those seen so far."""
    if column.type == "ordered":
        return column.levels
    return column.vocabulary or tuple(dict.fromkeys((*imputer.levels.get(column.name, ()), OTHER_LEVEL, UNKNOWN_LEVEL)))


def _text(value: Any) -> str | None:
    """A JSON value as a source would write it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value is None else str(value)
