"""Mistakes of a person who follows docs/adding_a_use_case.md: each is said with file, path, what was found, what is
allowed and the nearest valid name. Those that only a database can see are in tests/sql/test_query_mistakes.py.
"""

from pathlib import Path

import pytest
from mistakes_support import write

from leadmill.errors import SpecError
from leadmill.spec import parse_use_case

YAML = "use_case.yaml"
TOGETHER = "this combination"


@pytest.mark.parametrize(
    ("right", "wrong", "path", "found", "allowed", "nearest"),
    [
        ("title: Orders sent", "titel: Orders sent", "titel", "titel", "one of name, title, ", "title"),
        ("  watermark:", "  watermerk:", "source.watermerk", "watermerk", "one of connection, ", "watermark"),
        ("type: category, fact", "type: catgory, fact", "features.channel.type", "catgory", "'int', ", "category"),
        ("key_type: int", "key_type: integer", "entity.key_type", "integer", "'uuid', 'int' or 'string'", "int"),
        ("history: events", "history: event", "source.history", "event", "'events' or 'snapshot'", "events"),
        ("horizon: 5d", "horizon: 5 days", "label.horizon", "5 days", "a duration such as 30s, 1m, 12h or 7d", None),
        ("[shop.order_events]", "[orders]", "source.relations.0", "orders", "a schema and a table or view in it", None),
        ("type: category, required: true, levels: [placed, delivered, complaint, sent_back, kept]",
         "type: ordered, levels: [placed]", "facts.what", TOGETHER, "at least two 'levels', lowest first", None),
        ("impute: median, fill: 50", "impute: median", "features.price", TOGETHER, "needs 'fill': the constant", None),
        ("impute: median, fill: 50", "fill: 50", "features.price", TOGETHER, "a feature needs 'impute' (none, ", None),
        ("metric: pr_auc", "inputs: [prise, channel]", "model.inputs", "prise", "a declared feature", "price"),
        ("[logistic_regression]", "[logistic_regresion]", "model.candidates.0", "logistic_regresion",
         "'logistic_regression'", "logistic_regression"),
        ("{A: 0.2, B: 1.0}", "{A: 0.5, B: 0.2, C: 1.0}", "score", TOGETHER, "shares that rise from the best", None),
        ("as_of: [12h, 2d]", "as_of: []", "(file)", TOGETHER, "needs a label.horizon and the ages in 'as_of'", None),
        ("key: order_no", "key: order", "entity.key", "order", "a name that is not a reserved word of SQL", None),
        ("min_rows: 100", "min_rows: 0", "gate.min_rows", 0, "greater than or equal to 20", None),
        ("model: {", "as_of: [1d]\nmodel: {", "(file)", "key 'as_of' stands twice, again in line 1", "valid", None),
    ],
)  # fmt: skip
def test_a_mistake_in_the_spec(
    tmp_path: Path, right: str, wrong: str, path: str, found: object, allowed: str, nearest: str | None
) -> None:
    file = write(tmp_path, YAML, right, wrong)
    with pytest.raises(SpecError) as caught:
        parse_use_case(file)
    error, text = caught.value, str(caught.value)
    assert (error.path, error.found) == (path, found)
    assert text.startswith(f"{file}: {path}: found {found!r}; allowed: ")
    assert allowed in error.allowed
    assert text.endswith(f" Did you mean '{nearest}'?" if nearest else ".")


@pytest.mark.parametrize(
    ("given", "taken", "path", "found", "allowed", "nearest"),
    [
        ("labels", "label", "sql/label.sql", "label", "one of extract, features, labels", "labels"),
        ("features", "feature", "sql/feature.sql", "feature", "one of extract, features, labels", "features"),
        ("extract", None, "sql/extract.sql", "no such file", "a query of the rows of a window, docs/", None),
        ("features", None, "sql/features.sql", "no such file", "a query of the features at a moment, docs/", None),
    ],
)
def test_a_query_that_is_misnamed_or_absent(
    tmp_path: Path, given: str, taken: str | None, path: str, found: str, allowed: str, nearest: str | None
) -> None:
    file = write(tmp_path)
    query = file.parent / "sql" / f"{given}.sql"
    if taken:
        query.rename(query.with_stem(taken))
    else:
        query.unlink()
    with pytest.raises(SpecError) as caught:
        parse_use_case(file)
    assert (caught.value.path, caught.value.found) == (path, found)
    assert allowed in caught.value.allowed
    assert str(caught.value).endswith(f" Did you mean '{nearest}'?" if nearest else ".")


@pytest.mark.parametrize(
    ("right", "wrong", "found", "says"),
    [
        ("noted_at > :since", "noted_at > :sinse", ":sinse", ":since and :until. Did you mean ':since'?"),
        ("noted_at > :since AND ", "", "no :since", ":since and :until, the bounds of the window"),
    ],
)
def test_a_query_without_its_bounds(tmp_path: Path, right: str, wrong: str, found: str, says: str) -> None:
    file = write(tmp_path, "sql/extract.sql", right, wrong).parents[1] / YAML
    with pytest.raises(SpecError, match=says.replace("?", r"\?")) as caught:
        parse_use_case(file)
    assert (caught.value.path, caught.value.found) == ("sql/extract.sql", found)


def test_what_looks_like_a_bound_value_and_is_none(tmp_path: Path) -> None:
    write(tmp_path, "sql/extract.sql", "SELECT\n", "-- every :day\nSELECT '12:30'::text AS at,\n")
    assert parse_use_case(tmp_path / "orders" / YAML).name == "orders"


def test_the_example_is_right(tmp_path: Path) -> None:
    assert parse_use_case(write(tmp_path)).name == "orders"
