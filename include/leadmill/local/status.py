"""What runs of the local stack, quickly: from the record of the supervisor and the data folder of Postgres."""

from dataclasses import dataclass

from leadmill.errors import LeadmillError
from leadmill.local import ports, processes, stack, supervision
from leadmill.local.postgres import Server
from leadmill.local.supervisor import API, COMPONENTS


@dataclass(frozen=True)
class Service:
    """One service; ``memory`` is its main process's resident bytes."""

    name: str
    running: bool
    pid: int | None
    restarts: int
    memory: int
    address: str | None
    health: str


@dataclass(frozen=True)
class Status:
    """The stack as it stands. ``healthy`` when everything runs and answers."""

    state: str
    healthy: bool
    airflow_url: str | None
    services: tuple[Service, ...]


def status() -> Status:
    """Look at the stack; nothing is started and nothing is changed."""
    state = stack.folder()
    if not state.exists():
        return Status(str(state.root), False, None, ())
    services = (_postgres(), *_airflow())
    url = stack.environment()["AIRFLOW_URL"] if supervision.alive(state) else None
    return Status(str(state.root), all(one.health == "healthy" for one in services), url, services)


def _postgres() -> Service:
    state = stack.folder()
    server = Server(state)
    running, port = server.running(), server.port()
    pid = server.pid() if running else None
    address = f"127.0.0.1:{port}" if running and port else None
    memory = processes.resident_bytes(pid) if pid else 0
    return Service("postgres", running, pid, 0, memory, address, "healthy" if running else "stopped")


def _airflow() -> list[Service]:
    state = stack.folder()
    known = supervision.record(state)
    remembered = ports.load(state.ports)
    addresses = {"api-server": remembered.airflow, API: remembered.api} if remembered else {}
    recorded = {one.name: one for one in known.components} if known and known.process.alive() else {}
    health = _health() if recorded else {}
    services = []
    for name in COMPONENTS:
        one = recorded.get(name)
        running = one is not None and one.alive()
        pid = one.pid if one is not None and running else None
        services.append(
            Service(
                name,
                running,
                pid,
                one.restarts if one else 0,
                processes.resident_bytes(pid) if pid else 0,
                f"127.0.0.1:{addresses[name]}" if name in addresses else None,
                health.get(name, "unhealthy") if running else "stopped",
            )
        )
    return services


def _health() -> dict[str, str]:
    """Health by component name; without Airflow's when its API server does not answer."""
    from leadmill.local import api_health
    from leadmill.local.airflow_api import Airflow

    variables = stack.environment()
    ours: dict[str, str] = {API: api_health.health(variables["LEADMILL_API_URL"])}
    with Airflow(variables["AIRFLOW_URL"], variables["AIRFLOW_USER"], variables["AIRFLOW_PASSWORD"]) as airflow:
        try:
            found = airflow.health()
        except LeadmillError:
            return ours
    answers = {name.replace("_", "-"): health for name, health in found.items()}
    return {**ours, **answers, "api-server": answers["metadatabase"]}
