"""Lines of COPY on their way: whole, numbered on, hashed without the watermark."""

from leadmill.extract.copying import _BLOCK, _lines, _numbered


def test_lines_are_whole_however_the_source_cuts_them() -> None:
    whole = b"".join(b"%d\t%b\n" % (number, b"x" * (number % 97)) for number in range(20_000))
    assert len(whole) > 3 * _BLOCK
    for size in (1_000, _BLOCK + 1, len(whole)):
        blocks = [memoryview(whole[at : at + size]) for at in range(0, len(whole), size)]
        parts = list(_lines(blocks))
        assert [line for lines in parts for line in lines] == whole.split(b"\n")[:-1]
        assert len(parts) > 1
    assert list(_lines([])) == [[]]


def test_the_hash_is_of_what_stands_after_the_watermark() -> None:
    rows = _numbered([b"2026-01-01\ta\tb", b"2026-01-02\ta\tb", b"2026-01-02\ta\\tb"], 7, 41).split(b"\n")
    first, later, other = (row.split(b"\t") for row in rows[:3])
    assert (first[:2], later[:2], other[:2]) == ([b"7", b"42"], [b"7", b"43"], [b"7", b"44"])
    assert first[2] == later[2] != other[2]
    assert first[3:] == [b"2026-01-01", b"a", b"b"]
