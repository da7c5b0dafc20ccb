"""The scoring API and its keys. What is heavy is imported inside the command that needs it."""

import os
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadmill.cli_data import AsJson, connect, out, print_json, table

if TYPE_CHECKING:
    from leadmill.storage.api_keys import ApiKey

api_key_app = typer.Typer(help="Who may ask the scoring API.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    """Add the commands of this module to the command line."""
    app.command()(serve)
    api_key_app.command("create")(create)
    api_key_app.command("list")(list_keys)
    api_key_app.command("revoke")(revoke)
    app.add_typer(api_key_app, name="api-key")


def serve(
    host: Annotated[
        str, typer.Option(help="Address to listen on; beyond loopback only behind a gateway.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8001,
) -> None:
    """Run one more process of the scoring API, in the foreground. `up` and `demo` start one by themselves."""
    _connect()
    from leadmill.serving.server import run

    run(host, port)


def create(
    name: Annotated[str, typer.Argument(help="Whose key it is, or what for.", show_default=False)],
    scope: Annotated[list[str], typer.Option("--scope", "-s", help="read, score or train; several times.")] = ["score"],  # noqa: B006 - typer copies it
    days: Annotated[int | None, typer.Option(min=1, help="Days until it expires.", show_default=False)] = None,
) -> None:
    """Make an API key and print it, once: only its digest is kept. Running services know it within two seconds."""
    from leadmill.storage import api_keys

    unknown = [one for one in scope if one not in api_keys.SCOPES]
    if unknown:
        raise typer.BadParameter(f"'{unknown[0]}' is none of {', '.join(api_keys.SCOPES)}", param_hint="--scope")
    _connect()
    expires = datetime.now(UTC) + timedelta(days=days) if days else None
    out.print(api_keys.create(name, [one for one in api_keys.SCOPES if one in scope], expires), markup=False)


def list_keys(as_json: AsJson = False) -> None:
    """Show every key's id, name and scopes; the keys themselves nobody can show."""
    _connect()
    from leadmill.storage import api_keys

    found = [_shown(one) for one in api_keys.listed()]
    if as_json:
        print_json(found)
    elif found:
        out.print(table(list(found[0]), [[str(value or "") for value in one.values()] for one in found]))


def revoke(key_id: Annotated[str, typer.Argument(help="Its id, see `list`.", show_default=False)]) -> None:
    """Refuse a key from now on; running services do so within two seconds."""
    _connect()
    from leadmill.storage import api_keys

    api_keys.revoke(key_id)
    out.print(f"Revoked {key_id}.")


def _connect() -> None:
    """By the environment where it names a database, as in a container; else to the running local stack."""
    if not any(os.environ.get(name) for name in ("LEADMILL_DATABASE_URL", "LEADMILL_DATABASE_URL_FILE")):
        connect()


def _shown(one: "ApiKey") -> dict[str, Any]:
    times = {"created": one.created_at, "expires": one.expires_at, "revoked": one.revoked_at}
    return {
        "id": one.key_id,
        "name": one.name,
        "scopes": " ".join(sorted(one.scopes)),
        **{name: f"{moment:%Y-%m-%d %H:%M}" if moment else None for name, moment in times.items()},
    }
