"""What can be wrong between a feature view, its online table and the server that holds it."""

from collections.abc import Iterable

from leadmill.errors import LeadmillError


class UnsupportedType(LeadmillError):
    """A feature view has a field of a type that no column holds."""

    def __init__(self, view: str, field: str, found: object, known: Iterable[object]) -> None:
        self.view, self.field = view, field
        super().__init__(
            f"Feature view '{view}': '{field}' is a {found}, which the typed online store cannot hold. It holds "
            f"{', '.join(str(kind) for kind in known)}, and arrays of them."
        )


class UnfitValue(LeadmillError):
    """A value that Feast hands over is not of its column's type."""

    def __init__(self, field: str, found: str, column_type: str) -> None:
        self.field, self.found = field, found
        super().__init__(
            f"'{field}' got a {found}; its column online is {column_type}. Apply and send the declared type."
        )


class UnknownFeature(LeadmillError):
    """Rows for features that the view does not have."""

    def __init__(self, view: str, fields: Iterable[str]) -> None:
        self.view = view
        super().__init__(f"Feature view '{view}' has no {', '.join(sorted(fields))}. Run 'feast apply' after a change.")


class NoOnlineTable(LeadmillError):
    """The online table, or a column of it, is not there."""

    def __init__(self, view: str, reason: str) -> None:
        self.view = view
        super().__init__(
            f"Feature view '{view}' is not online as it is declared: {reason}. Run 'feast apply', then materialize."
        )


class OnlineStoreUnreachable(LeadmillError):
    """No connection to the online store's server within the time allowed."""

    def __init__(self, where: str, seconds: float, most: int) -> None:
        self.where = where
        super().__init__(
            f"No connection to the online store at {where} within {seconds:g} s: either the server does not answer or "
            f"all {most} connections of this process are in use."
        )
