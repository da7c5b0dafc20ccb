"""Every error that leadmill raises on purpose: it says where, what was found and what to do next."""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches

SHOWN_EXAMPLES = 5


class LeadmillError(Exception):
    """Root of all errors raised on purpose; its text is written for the person who reads it."""


class SpecError(LeadmillError):
    """A use case specification is wrong."""

    def __init__(self, file: str, path: str, found: object, allowed: str, known: Iterable[str] = ()) -> None:
        self.file, self.path, self.found, self.allowed = file, path, found, allowed
        near = nearest(str(found), known)
        hint = f" Did you mean '{near}'?" if near else ""
        super().__init__(f"{file}: {path}: found {found!r}; allowed: {allowed}.{hint}")


class UnknownUseCase(LeadmillError):
    """No folder of that name under the use cases."""

    def __init__(self, name: str, known: Sequence[str]) -> None:
        self.name, self.known = name, tuple(known)
        near = nearest(name, known)
        hint = f" Did you mean '{near}'?" if near else f" Known: {', '.join(known) or 'none'}."
        super().__init__(f"There is no use case '{name}'.{hint} A use case is a folder under include/use_cases.")


class MissingSetting(LeadmillError):
    """A required environment variable is not set."""

    def __init__(self, variable: str) -> None:
        self.variable = variable
        super().__init__(
            f"{variable} is not set. Inside a checkout run './leadmill up' first, then 'eval \"$(./leadmill env)\"'."
        )


class UnreadableSetting(LeadmillError):
    """The file that should hold a setting cannot be read."""

    def __init__(self, variable: str, file: str, error: Exception) -> None:
        self.variable, self.file = variable, file
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        super().__init__(f"{variable} names {file}, which cannot be read: {reason}.")


class WrongSetting(LeadmillError):
    """An environment variable says what cannot be."""

    def __init__(self, variable: str, found: str, allowed: str) -> None:
        self.variable, self.found = variable, found
        super().__init__(f"{variable} is {found[:80]!r}; allowed: {allowed}.")


class SourceUnreachable(LeadmillError):
    """The warehouse did not answer."""

    def __init__(self, connection: str, where: str, reason: str) -> None:
        self.connection = connection
        super().__init__(
            f"The warehouse behind connection '{connection}' ({where}) did not answer: {reason}. "
            "Nothing was read and nothing changed; the next run starts from the same watermark."
        )


class NoClock(LeadmillError):
    """The source has no clock to read: nothing was loaded into the demo warehouse yet, or it may not be read."""

    def __init__(self, use_case: str, relation: str) -> None:
        self.use_case, self.relation = use_case, relation
        super().__init__(
            f"The clock of '{use_case}', {relation}, cannot be read in its source. Load a file first "
            f"(./leadmill load {use_case} FILE.csv), or name another clock in the spec (source.clock)."
        )


class SourceColumnsChanged(LeadmillError):
    """The extract query no longer returns what the spec declares."""

    def __init__(self, use_case: str, missing: Sequence[str], detail: str = "", given: Iterable[str] = ()) -> None:
        self.use_case, self.missing = use_case, tuple(missing)
        near = {name: nearest(name, given) for name in missing}
        listed = ", ".join(f"{name} (it has '{found}')" if found else name for name, found in near.items())
        what = f"lacks the column(s) {listed}" if missing else f"failed: {detail}"
        super().__init__(
            f"The extract of '{use_case}' {what}. Nothing was published and the watermark stays. "
            f"Mend the source or include/use_cases/{use_case}/sql/extract.sql, then run {use_case}_etl again."
        )


class FeaturesFailed(LeadmillError):
    """Postgres refused the query of the features."""

    def __init__(self, use_case: str, detail: str) -> None:
        self.use_case, self.detail = use_case, detail
        super().__init__(
            f"The features of '{use_case}' failed: {detail}. Nothing was published. Mend "
            f"include/use_cases/{use_case}/sql/features.sql, which must give every declared feature, then run "
            f"{use_case}_etl again."
        )


class LabelsFailed(LeadmillError):
    """The query of the outcomes does not give what it must."""

    def __init__(self, use_case: str, detail: str) -> None:
        self.use_case, self.detail = use_case, detail
        super().__init__(
            f"The labels of '{use_case}' failed: {detail}. Nothing was published. Mend "
            f"include/use_cases/{use_case}/sql/labels.sql, then run {use_case}_etl again."
        )


class WindowBlocked(LeadmillError):
    """A batch rule is broken: nothing of the window may be published."""

    def __init__(self, use_case: str, window_id: int, reasons: Sequence[str], releasable: bool = False) -> None:
        self.use_case, self.window_id, self.reasons = use_case, window_id, tuple(reasons)
        release = f", or release it: trigger {use_case}_etl with 'release_window' and a reason" if releasable else ""
        super().__init__(
            f"Window {window_id} of '{use_case}' is blocked: {'; '.join(reasons).rstrip('.')}. Nothing was published "
            f"and the watermark stays; the next run retries it extended. See rejected.{use_case} for "
            f"the rows{release}."
        )


class NotEnoughData(LeadmillError):
    """A model may not be fitted or judged on so few rows."""

    def __init__(self, use_case: str, what: str, found: int, needed: int, field: str) -> None:
        self.use_case, self.found, self.needed = use_case, found, needed
        super().__init__(
            f"'{use_case}' has {found} {what}, its spec asks for {needed} (gate.{field}). The champion, if any, "
            "stays. Load more data or lower the minimum openly in the spec."
        )


class NoChampion(LeadmillError):
    """Nothing was promoted yet."""

    def __init__(self, use_case: str) -> None:
        self.use_case = use_case
        super().__init__(f"'{use_case}' has no champion yet. Run the DAG {use_case}_train first.")


class ModelContractBroken(LeadmillError):
    """A model needs inputs that the features do not offer."""

    def __init__(self, use_case: str, version: str, problems: Sequence[str]) -> None:
        self.use_case, self.version, self.problems = use_case, version, tuple(problems)
        super().__init__(f"Model {version} of '{use_case}' does not fit the features: {'; '.join(problems)}.")


class NotTrainable(LeadmillError):
    """The training rows cannot be split into rows that teach and rows that judge."""

    def __init__(self, use_case: str, reason: str) -> None:
        self.use_case, self.reason = use_case, reason
        super().__init__(f"'{use_case}' cannot be trained: {reason}. The champion, if any, stays.")


class LeakFound(LeadmillError):
    """A feature knows the outcome, by the evidence of the leak scan: (feature, kind, sentence) of each."""

    def __init__(self, use_case: str, leaks: Sequence[tuple[str, str, str]]) -> None:
        self.use_case, self.leaks = use_case, tuple(leaks)
        said = "; ".join(f"'{feature}' ({kind.replace('_', ' ')}): {sentence}" for feature, kind, sentence in leaks)
        super().__init__(
            f"'{use_case}' was not trained, because it would learn from what nobody knows when it scores: {said}. "
            "Nothing was fitted and the champion, if any, stays; the evidence is in ops.leaks. Mend the feature or "
            "leave it out (model.inputs); if it is right after all, say why in the spec under model.allowed_leaks."
        )


class PromotionRefused(LeadmillError):
    """A model may not become champion."""

    def __init__(self, use_case: str, version: str, reasons: Sequence[str]) -> None:
        self.use_case, self.version, self.reasons = use_case, version, tuple(reasons)
        super().__init__(f"Model {version} of '{use_case}' was not promoted: {'; '.join(reasons)}. The champion stays.")


class NoPreviousChampion(LeadmillError):
    """There is nobody to roll back to."""

    def __init__(self, use_case: str, serving: str) -> None:
        self.use_case, self.serving = use_case, serving
        super().__init__(
            f"Version {serving} is the first champion of '{use_case}': there is none before it to put back. "
            f"./leadmill model choose {use_case} VERSION makes another version champion."
        )


class ModelUnfit(LeadmillError):
    """A model that was trained elsewhere does not meet the contract."""

    def __init__(self, file: str, problem: str) -> None:
        self.file, self.problem = file, problem
        super().__init__(f"{file} was not registered: {problem}.")


class FileRejected(LeadmillError):
    """A user's file cannot be loaded as it is; ``line`` counts from 1, the header included."""

    def __init__(self, file: str, problem: str, line: int | None = None) -> None:
        self.file, self.problem, self.line = file, problem, line
        where = f"{file}, line {line:,}" if line else file
        super().__init__(f"{where}: {problem}. Nothing of it was taken.")


class UnknownVersion(LeadmillError):
    """No model version of that number."""

    def __init__(self, use_case: str, version: str, known: Sequence[str]) -> None:
        self.use_case, self.version, self.known = use_case, version, tuple(known)
        super().__init__(f"'{use_case}' has no model version {version}. Known: {', '.join(known) or 'none'}.")


class UnknownTrainingSet(LeadmillError):
    """No training set of that id."""

    def __init__(self, use_case: str, training_set: str, known: Sequence[str]) -> None:
        self.use_case, self.training_set, self.known = use_case, training_set, tuple(known)
        near = nearest(training_set, known)
        hint = f" Did you mean '{near}'?" if near else ""
        super().__init__(
            f"'{use_case}' has no training set '{training_set}'.{hint} ./leadmill training-set {use_case} lists them."
        )


class TrainingSetChanged(LeadmillError):
    """A training set cannot be rebuilt: the spec is another, or the tables hold other rows than leadmill wrote.

    ``versions`` are those of the spec: by which it was built, and the present one.
    """

    def __init__(self, use_case: str, training_set: str, versions: tuple[str, str], found: str) -> None:
        self.use_case, self.training_set, self.versions, self.found = use_case, training_set, versions, found
        then, now = versions
        super().__init__(
            f"Training set '{training_set}' of '{use_case}' cannot be rebuilt: {found}. "
            + (
                f"It was built by version {then} of the spec, and this is version {now}: check out "
                f"include/use_cases/{use_case} as it was then."
                if then != now
                else f"The spec is the same ({now}): rows of features.{use_case} or of its outcomes were changed or "
                "deleted by other hands than leadmill's. What a model learned from is still stored with its MLflow run."
            )
        )


class ScoresOutdated(LeadmillError):
    """Another model became champion while a scoring run was under way."""

    def __init__(self, use_case: str, staged: str, serving: str | None) -> None:
        self.use_case, self.staged, self.serving = use_case, staged, serving
        super().__init__(
            f"The scores of this run are by model {staged} of '{use_case}', but {serving} serves now, so none was "
            f"published. The run of {use_case}_score that the promotion started will score every entity."
        )


def nearest(name: str, known: Iterable[str]) -> str | None:
    """The known name closest to ``name``, or None where nothing is near."""
    found = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return found[0] if found else None


def examples(items: Sequence[object]) -> str:
    """A capped, readable list: at most SHOWN_EXAMPLES items and how many more there are."""
    shown = ", ".join(str(item)[:80] for item in items[:SHOWN_EXAMPLES])
    more = len(items) - SHOWN_EXAMPLES
    return f"{shown} and {more:,} more" if more > 0 else shown


class ColumnChanged(LeadmillError):
    """A column of the spec has another type than in the store."""

    def __init__(self, use_case: str, table: str, column: str, found: str, declared: str) -> None:
        self.table, self.column, self.found, self.declared = table, column, found, declared
        super().__init__(
            f"'{column}' of '{use_case}' is {declared} by the spec and {found} in {table}. A feature of another type "
            "is another feature: give it a new name, so that its history stays what it was."
        )
