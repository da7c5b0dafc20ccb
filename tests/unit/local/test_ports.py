import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from leadmill.local import ports


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_taken_port_is_not_free(taken: int) -> None:
    assert not ports.is_free(taken)


def test_another_port_is_chosen_when_the_preferred_is_taken(taken: int) -> None:
    chosen = ports.free_port(taken)
    assert chosen != taken
    assert ports.is_free(chosen)


def test_the_preferred_port_is_chosen_when_it_is_free(taken: int) -> None:
    free = ports.free_port(taken)
    assert ports.free_port(free) == free


def test_ports_are_remembered(tmp_path: Path) -> None:
    ports.save(tmp_path / "ports.json", ports.Ports(1, 2))
    assert ports.load(tmp_path / "ports.json") == ports.Ports(1, 2)


@pytest.mark.parametrize("text", [None, "", "[]", '{"postgres": 1}', '{"postgres": "a", "airflow": 1}'])
def test_damaged_ports_are_chosen_anew(tmp_path: Path, text: str | None) -> None:
    if text is not None:
        (tmp_path / "ports.json").write_text(text)
    assert ports.load(tmp_path / "ports.json") is None
