"""What Postgres says of a statement that it refuses, in one line."""


def fault(error: BaseException | None) -> str:
    """The message and, where it has one, the hint (the nearest name of a column) of an error of psycopg or psycopg2."""
    hint = getattr(getattr(error, "diag", None), "message_hint", None)
    said = str(error).splitlines()[0]
    return f"{said} ({hint.rstrip('.')})" if hint else said
