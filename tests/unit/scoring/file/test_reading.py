"""Parts of a file: their rows are numbered through, and only what is wrong with the file is said of it."""

from pathlib import Path

import pandas as pd
import pytest

from leadmill.scoring.file.reading import opened


@pytest.fixture
def categories(tmp_path: Path) -> Path:
    """A Parquet file of 200 rows in groups of 70, whose column is a dictionary."""
    file = tmp_path / "in.parquet"
    frame = pd.DataFrame({"colour": pd.Categorical(["red", "green"] * 100)})
    frame.to_parquet(file, row_group_size=70)
    return file


def test_rows_of_parts_that_end_with_their_row_group_are_numbered_through(categories: Path) -> None:
    with opened(categories, 50, 0, lambda _: None) as rows:
        parts = list(rows.parts)
    assert [line for part in parts for line in part.lines] == list(range(1, 201))
    with opened(categories, 50, 3, lambda _: None) as rows:
        assert [(part.number, part.first, part.lines) for part in rows.parts] == [
            (part.number, part.first, part.lines) for part in parts[3:]
        ]


def test_a_disk_that_is_full_is_not_said_of_the_file_that_is_read(categories: Path) -> None:
    def copied() -> None:
        with Path("/dev/full").open("wb", buffering=0) as disk, opened(categories, 50, 0, lambda _: None) as rows:
            for part in rows.parts:
                disk.write(bytes(len(part)))

    with pytest.raises(OSError, match="No space left"):
        copied()
