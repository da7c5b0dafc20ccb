"""Stock: Great Expectations on a pandas frame in memory, one checkpoint, broken rows set aside."""

from typing import Any

import pandas as pd

from leadmill.quality.gx import great_expectations
from leadmill.spec import UseCase

_UUID = "^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$"


def expectations(use_case: UseCase) -> dict[str, Any]:
    """Fifteen checks of the source's rows by name."""
    gxe = great_expectations().expectations
    key, label = use_case.entity.key, use_case.label.name
    found = {
        f"{key}: present": gxe.ExpectColumnValuesToNotBeNull(column=key),
        f"{key}: once": gxe.ExpectColumnValuesToBeUnique(column=key),
        f"{key}: well-formed": gxe.ExpectColumnValuesToMatchRegex(column=key, regex=_UUID),
        f"{label}: yes or no": gxe.ExpectColumnValuesToBeInSet(column=label, value_set=[True, False]),
    }
    for column in use_case.feature_columns:
        name = column.name
        if column.type in ("int", "float"):
            between = gxe.ExpectColumnValuesToBeBetween(column=name, min_value=column.min, max_value=column.max)
            found[f"{name}: range"] = between
        if column.type == "ordered":
            spelled = [*column.levels, *(alias for aliases in column.aliases.values() for alias in aliases)]
            known = [*spelled, *(level.capitalize() for level in column.levels), *column.missing]
            found[f"{name}: level"] = gxe.ExpectColumnValuesToBeInSet(column=name, value_set=known)
    for name, rule in found.items():
        rule.meta = {"rule": name}
    return found


def checked(use_case: UseCase, rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """(fit rows, rejected rows with the rules they broke).

    BOOLEAN_ONLY first; only what failed is asked again, for its rows: faster than COMPLETE for every check.
    """
    verdicts = _results(rows, list(expectations(use_case).values()), {"result_format": "BOOLEAN_ONLY"})
    failed = [rule for name, rule in expectations(use_case).items() if not verdicts[name].success]
    broken: dict[Any, list[str]] = {}
    if failed:
        complete = {"result_format": "COMPLETE", "partial_unexpected_count": 0}
        for name, found in _results(rows, failed, complete).items():
            for index in found.result["unexpected_index_list"]:
                broken.setdefault(index, []).append(name)
    rejected = rows.loc[list(broken)].assign(rules=["; ".join(names) for names in broken.values()])
    return rows.drop(index=list(broken)), rejected


def _results(rows: pd.DataFrame, rules: list[Any], result_format: dict[str, Any]) -> dict[str, Any]:
    gx = great_expectations()
    context = gx.get_context(mode="ephemeral")
    context.variables.progress_bars = {"globally": False, "metric_calculations": False}
    asset = context.data_sources.add_pandas("source").add_dataframe_asset("rows")
    batch = asset.add_batch_definition_whole_dataframe("all")
    suite = context.suites.add(gx.ExpectationSuite(name="raw", expectations=rules))
    definition = context.validation_definitions.add(gx.ValidationDefinition(name="raw", data=batch, suite=suite))
    checkpoint = context.checkpoints.add(
        gx.Checkpoint(name="raw", validation_definitions=[definition], result_format=result_format)
    )
    outcome = checkpoint.run(batch_parameters={"dataframe": rows})
    results = next(iter(outcome.run_results.values())).results
    return {found.expectation_config.meta["rule"]: found for found in results}
