"""A CSV file is read exactly or refused with its line."""

from pathlib import Path

import pytest

from leadmill.errors import FileRejected
from leadmill.storage.csv_file import CsvFile


def read(tmp_path: Path, content: bytes) -> tuple[tuple[str, ...], list[tuple[int, tuple[str | None, ...]]]]:
    path = tmp_path / "leads.csv"
    path.write_bytes(content)
    with CsvFile(path) as file:
        header = file.header()
        return header.columns, [(row.line, row.values) for row in file.rows()]


def test_headers_become_column_names(tmp_path: Path) -> None:
    columns, rows = read(tmp_path, b"Prospect ID,TotalVisits,Growth % (a:b)\n1,2,3\n")
    assert columns == ("prospect_id", "totalvisits", "growth_a_b")
    assert rows == [(2, ("1", "2", "3"))]


def test_odd_but_plain_contents_are_kept(tmp_path: Path) -> None:
    long = "x" * 1_000_000
    columns, rows = read(
        tmp_path,
        b"\xef\xbb\xbfid,note\r\n"
        b"1,\r\n"
        b'2,"a ""quoted"" one, and\r\na second line"\r\n'
        b"3,a\x00b\r\n"
        b"\r\n"
        b"4,'; drop table x_education.leads; --\r\n"
        b"5," + long.encode() + b"\r\n"
        b"6,\xc3\xb1and\xc3\xba \xf0\x9f\x98\x80",
    )
    assert columns == ("id", "note")
    assert rows == [
        (2, ("1", None)),
        (4, ("2", 'a "quoted" one, and\r\na second line')),
        (5, ("3", "a\N{SYMBOL FOR NULL}b")),
        (7, ("4", "'; drop table x_education.leads; --")),
        (8, ("5", long)),
        (9, ("6", "ñandú 😀")),
    ]


def test_line_ends_may_be_mixed_and_a_line_may_be_long(tmp_path: Path) -> None:
    long = b"x" * (10 << 20)
    _, rows = read(tmp_path, b'id,note\r\n1,a\n2,"b\nc"\r\n3,' + long + b"\n4,0\r\n")
    assert [(line, len(values[1] or "")) for line, values in rows] == [(2, 1), (4, 3), (5, 10 << 20), (6, 1)]


def test_ragged_rows_are_given_where_they_are_asked_for(tmp_path: Path) -> None:
    (tmp_path / "leads.csv").write_bytes(b"id,note\n1\n2,x,y\n")
    with CsvFile(tmp_path / "leads.csv") as file:
        file.header()
        assert [row.values for row in file.rows(ragged=True)] == [("1",), ("2", "x", "y")]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is empty"),
        (b"1,2.5,-3\n4,5,6\n", "line 1: holds numbers only; a header line"),
        (b"id,note\n1,a\r2,b\n", "line 2: is not valid CSV"),
        (b"\n\n", "is empty"),
        (b"id;note\n1;2\n", "line 1: its header is separated by ';'; a comma is needed"),
        (b"id\tnote\n1\t2\n", "line 1: its header is separated by a tab"),
        (b"id,note\n1,2\n3\n", "line 3: has 1 fields, the header has 2"),
        (b"id,note\n1,2,3\n", "line 2: has 3 fields, the header has 2"),
        (b"id,note\n1,\xff\xfe\n", "line 2: byte 0xff at position 3 is not UTF-8"),
        (b"\xff\xfei\x00d\x00", "line 1: is UTF-16"),
        (b'id,note\n1,"never closed\n2,x\n', "line 3: is not valid CSV"),
        (b'id,note\n1,"a"b\n', "line 2: is not valid CSV"),
        (b"id,note\r1,2\r", "is not valid CSV"),
        (b"Lead ID,lead_id\n", "the headers 'Lead ID' and 'lead_id' are the same column 'lead_id'"),
        (b"id,\n", "header 2 ('') has no letter"),
        (b"id," + b"n" * 64 + b"\n", "is longer than 63"),
        (b"id,Load ID\n", "header 'Load ID' would be the column 'load_id'"),
        (b"id,ctid\n", "header 'ctid' is a name that Postgres keeps"),
        (",".join(f"c{n}" for n in range(1001)).encode(), "has 1,001 columns"),
    ],
)
def test_what_cannot_be_read_exactly_is_refused_with_its_line(tmp_path: Path, content: bytes, message: str) -> None:
    with pytest.raises(FileRejected) as refused:
        read(tmp_path, content)
    assert message in str(refused.value)
    assert str(refused.value).endswith("Nothing of it was taken.")


def test_a_missing_file_and_a_folder_are_refused(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "absent.csv"):
        with pytest.raises(FileRejected, match="cannot be read"), CsvFile(path):
            pass


def test_an_endless_line_is_refused_in_bounded_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("leadmill.storage.csv_file.LONGEST_LINE", 1 << 20)
    with pytest.raises(FileRejected, match="line 2: is longer than 1 MiB"):
        read(tmp_path, b"id,note\n1," + b"x" * (2 << 20))
