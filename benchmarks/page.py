"""docs/benchmarks.md from the results of a run; nothing in it is written by hand."""

from typing import Any

from benchmarks.whole_path import COPIED, SIDES, STEPS, STOCK_UP_TO

_HEAD = """# Benchmarks: leadmill beside the stock wiring

Made by `./leadmill bench` from its results; do not edit. Stock is how these tools are usually wired, with their best
documented settings: `pandas.read_sql`, Great Expectations on a pandas frame, imputation and encoding in pandas and
scikit-learn, `to_sql` (with psycopg2's `execute_values`, and once more by COPY, as pandas' user guide shows), Feast's
own Postgres stores and `materialize`, `Pipeline.predict_proba`, `to_sql`. Both sides run in full, on the same made-up
leads (20 mixed columns, gaps, odd spellings, one row in 250 broken), the same server settings, the same fitted imputers
and the same model file, each run in a process of its own on a fresh copy of one server that holds 10,000 leads already.
Imports are not timed on either side. Figures are medians, with the smallest and largest in brackets.
"""
_DIFFERENCES = """## What is not the same

- leadmill keeps more: the raw rows, the history of features and scores, labels, a page of Data Docs and a ledger of
  windows. Stock keeps features, the newest scores and the rejected rows.
- leadmill checks twice (raw rows and prepared features), with some seventy rules; stock once (raw rows), with fifteen.
- leadmill rounds probabilities to twelve decimals; stock does not. Nothing else differs between the results.
- Fitting imputers and models is not part of either side: both use what was fitted on the first 10,000 leads.
- The tables of a model's inputs have 20 features and a flag for each that can be missing; both sides store, materialize
  and score all of them. `materialize` and the online reads further down are of 20 features exactly.
"""
_AGAIN = """## How to repeat it

```sh
./leadmill bench                            # 200,000 leads, 3 repeats: whole path, online stores, point-in-time join
./leadmill bench --rows 20000 --repeats 1   # a quick look
./leadmill bench --only growth --only million --only empty_dag    # sizes to 1,000,000, a rescoring, Airflow: an hour
```
It makes and deletes servers of its own in the temporary folder; a running stack is not touched, but shares the machine.
Results go to `benchmarks/results`, or to `--output`: `results.json`, plots and `benchmarks.md`, which is this page.
Parts that are run on their own add to the results that are there. The figures of this page are kept in
`docs/benchmarks.json`.
"""
_SAID = {
    "whole_path_ratio": "the whole path",
    "growth": "growth of time and memory from 10,000 to 1,000,000 leads",
    "million": "1,000,000 leads: a full run, 1 % changed, all scores published anew under a reader, all changed",
    "online_stores": "Feast's online stores",
    "point_in_time": "the point-in-time join",
    "empty_dag": "six empty tasks through Airflow",
}
_PROCESSOR = (
    ("processor seconds of Python and Postgres", "processor"),
    ("the same without materialize", "processor_without_materialize"),
)
_INTENDED = 200_000
# One part after the other leaves some 1.5 of its own on two cores.
_QUIET = 1.75


def render(results: dict[str, Any]) -> str:
    """The page, with a section for every part that was measured."""
    parts = [_HEAD, _machine(results["machine"])]
    sections = {
        "whole_path_ratio": _whole_path,
        "growth": _growth,
        "million": _million,
        "online_stores": _online_stores,
        "point_in_time": _point_in_time,
        "empty_dag": _empty_dag,
    }
    parts += [section(results) + _busy(results, name) for name, section in sections.items() if results.get(name)]
    missing = [_SAID[name] for name in sections if not results.get(name)]
    if missing:
        parts.append(f"## Not measured yet\n\n{'; '.join(missing)}.\n")
    return "\n".join([*parts, _DIFFERENCES, _AGAIN])


def _machine(machine: dict[str, Any]) -> str:
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"Measured on {machine['measured_on']}: {machine['cpu']}, {machine['cores']} cores, {machine['memory_gib']:g} "
        f"GiB. {versions}.\n"
    )


def _busy(results: dict[str, Any], section: str) -> str:
    """What is said of a part that had the machine not for itself."""
    before, after = results["loads"][section.removesuffix("_ratio")]
    if before <= _QUIET:
        return ""
    return (
        f"\n**The machine was busy with other work, load {before:.0f} when this began and {after:.0f} at its end:** "
        "seconds are too many, ratios say more, memory and processor seconds most.\n"
    )


def _whole_path(results: dict[str, Any]) -> str:
    stock, ours = (results[side] for side in SIDES)
    lines = [
        f"## Whole path, {results['rows']:,} leads, {_runs(results['repeats'])} each",
        "",
        f"**{results['whole_path_ratio']:.1f} times faster** from source to published scores and online features; "
        f"**{results['whole_path_without_materialize_ratio']:.1f} times** with materialize left out on both sides.",
        f"Aimed at, with {_INTENDED:,} leads: 20 times, and 5 times.",
        "",
        "| step | stock, s | leadmill, s | ratio |",
        "|---|---|---|---|",
    ]
    for step in STEPS:
        pair = f"{_spread(stock['seconds'][step])} | {_spread(ours['seconds'][step])}"
        lines.append(f"| {step} | {pair} | {results['step_ratios'][step]:.1f} |")
    for title, name, ratio in (
        ("**whole path**", "whole_path", "whole_path_ratio"),
        ("without materialize", "whole_path_without_materialize", "whole_path_without_materialize_ratio"),
    ):
        lines.append(f"| {title} | {_spread(stock[name])} | {_spread(ours[name])} | {results[ratio]:.1f} |")
    equal = results["equal"]
    if results["rows"] < _INTENDED:
        lines.insert(
            2,
            f"**A quick look at {results['rows']:,} leads, where fixed costs rule. What leadmill is meant to reach is "
            f"said of {_INTENDED:,} leads, which are not measured yet.**\n",
        )
    lines += [
        f"| the same, stock inserting by COPY | {_spread(results[COPIED]['whole_path'])} | "
        f"{_spread(ours['whole_path_without_materialize'])} | {results['without_materialize_ratio_to_copy']:.1f} |",
        *(_processor(stock, ours, *line) for line in _PROCESSOR if line[1] in stock),
        f"| peak of the Python process, MiB | {stock['peak_mib']:,.0f} | {ours['peak_mib']:,.0f} | |",
        f"| largest Postgres process, MiB | {stock['postgres_mib']:,.0f} | {ours['postgres_mib']:,.0f} | |",
        "",
        f"Both sides came to the same {equal['rows']:,} rows ({equal['rejected']:,} rejected): features differ by at "
        f"most {equal['feature_difference']:.0e}, probabilities by {equal['score_difference']:.0e}.",
        "",
        "![Seconds by step](images/bench_steps.png)",
        "",
    ]
    return "\n".join(lines)


def _processor(stock: dict[str, Any], ours: dict[str, Any], title: str, name: str) -> str:
    ratio = stock[name]["median"] / ours[name]["median"]
    return f"| {title} | {_spread(stock[name])} | {_spread(ours[name])} | {ratio:.1f} |"


def _growth(results: dict[str, Any]) -> str:
    lines = [
        "## Growth, one run at each size",
        "",
        "| leads | stock, s | leadmill, s | leadmill, microseconds a lead | leadmill: Python, MiB | Postgres, MiB |",
        "|---|---|---|---|---|---|",
    ]
    for row in results["growth"]:
        ours = row["leadmill"]
        stock = f"{row['stock']['total']:,.1f}" if "stock" in row else "not run"
        lines.append(
            f"| {row['rows']:,} | {stock} | {ours['total']:,.1f} | "
            f"{ours['total'] / row['rows'] * 1e6:,.0f} | {ours['peak_mib']:,.0f} | {ours['postgres_mib']:,.0f} |"
        )
    lines += ["", f"Stock is not run beyond {STOCK_UP_TO:,} leads: a million takes it most of an hour."]
    return "\n".join([*lines, "", "![Growth of time and memory](images/bench_growth.png)", ""])


def _million(results: dict[str, Any]) -> str:
    found = results["million"]
    publish = found["publish"]
    return "\n".join(
        [
            f"## {found['rows']:,} leads through leadmill",
            "",
            "| what | figure |",
            "|---|---|",
            f"| full run: all of them new | {_spread(found['full'])} s |",
            f"| {found['changed_rows']:,} changed (1 %) | {_spread(found['changed'])} s, "
            f"{found['changed_share']['median']:.1%} of the full run |",
            f"| {found['all_changed_rows']:,} changed | {_spread(found['all_changed'])} s, of which 1 % is "
            f"{found['changed_share_of_all']['median']:.1%} |",
            *(
                f"| processor seconds of Python and Postgres, {what} | {_spread(found[name])} |"
                for what, name in (
                    ("full run", "full_processor"),
                    ("1 %", "changed_processor"),
                    ("all changed", "all_changed_processor"),
                )
            ),
            f"| all {publish['rows']:,} scores published anew | {_spread(publish['seconds'])} s |",
            f"| a reader meanwhile | {publish['polls']:,} polls, {publish['broken_polls']:,} of them with anything but "
            f"one whole version; the longest took {publish['longest_wait']:.1f} s |",
            f"| peak of the Python process, of the largest Postgres process | {found['peak_mib']:,.0f} MiB, "
            f"{found['postgres_mib']:,.0f} MiB |",
            "",
        ]
    )


def _online_stores(results: dict[str, Any]) -> str:
    found = results["online_stores"]
    rate = found["materialize"]
    lines = [
        f"## Feast's online store, 20 features, {found['entities']:,} leads",
        "",
        "| what | Feast's Postgres store | typed store | |",
        "|---|---|---|---|",
        f"| materialize, rows a second | {rate['stock']['median']:,.0f} | {rate['leadmill']['median']:,.0f} | "
        f"{rate['ratio']:.0f} times |",
    ]
    for size, read in found["online"].items():
        ways = [f"{read[side]['median']:.2f} ({read[side]['p10']:.2f} to {read[side]['p90']:.2f})" for side in SIDES]
        lines.append(
            f"| read {size}, ms (10th to 90th percentile) | {' | '.join(ways)} | {read['share_of_stock']:.0%} |"
        )
    return "\n".join([*lines, ""])


def _point_in_time(results: dict[str, Any]) -> str:
    found = results["point_in_time"]
    return "\n".join(
        [
            f"## Point-in-time join, {found['rows']:,} training rows on {found['history']:,} feature rows",
            "",
            f"`get_historical_features` with SQL as entities: {_spread(found['leadmill'])} s; plain SQL "
            f"{_spread(found['plain_sql'])} s; {found['times_plain_sql']:.2f} times. {found['mismatches']:,} rows "
            "differ from a row-by-row search.",
            "",
        ]
    )


def _empty_dag(results: dict[str, Any]) -> str:
    found = results["empty_dag"]
    return f"## Airflow\n\nA DAG of {found['tasks']} empty tasks in a row: {_spread(found['seconds'])} s.\n"


def _runs(count: int) -> str:
    return "1 run" if count == 1 else f"{count} runs"


def _spread(value: dict[str, float]) -> str:
    digits = 2 if value["median"] < 10 else 1
    middle, low, high = (f"{value[name]:,.{digits}f}" for name in ("median", "min", "max"))
    return middle if low == high else f"{middle} ({low}-{high})"
