"""How a user's own file of a use case is read: its key, and what stands in for time. Names are the file's headers."""

from datetime import datetime
from typing import Self

from pydantic import Field, model_validator

from leadmill.columns import Duration, Frozen


class Created(Frozen):
    """A column that stands in for the time of creation: ``epoch`` plus its number times ``unit``.

    ``prefix`` is what stands before the number.
    """

    column: str
    epoch: datetime
    unit: Duration
    prefix: str = ""


class KeyHash(Frozen):
    """A key that the file does not hold: the hash of a row's columns as written, but for those in ``without``.

    What is learned about an entity later, such as its outcome, belongs into ``without``: else its key would change.
    """

    without: tuple[str, ...] = ()


class File(Frozen):
    """``key`` is the header of the entity's key; with ``key_hash`` it names a column that reading adds.

    ``columns`` maps headers to the declared columns that they are, where their names in lower case with underscores
    are not the same; ``./leadmill score --file`` reads by it, while a load leaves that to ``sql/extract.sql``.
    """

    key: str
    key_hash: KeyHash | None = None
    created: Created | None = None
    columns: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _key_is_no_source_of_itself(self) -> Self:
        if self.key_hash and self.key in self.key_hash.without:
            raise ValueError(f"'key_hash.without' names columns of the file, and '{self.key}' is made from them")
        return self
