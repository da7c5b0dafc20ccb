"""Lines of COPY on their way: numbered on, hashed without the watermark."""

from leadmill.extract.copying import _BLOCK, _blocks, _digest, _numbered


def test_every_line_is_in_one_block() -> None:
    lines = [b"%d\t%b" % (number, b"x" * (number % 97)) for number in range(20_000)]
    blocks = list(_blocks(lines))
    assert [line for block in blocks for line in block] == lines
    assert len(blocks) == 1 + len(b"".join(lines)) // _BLOCK
    assert list(_blocks([])) == [[]]


def test_the_hash_is_of_what_stands_after_the_watermark() -> None:
    lines = [b"2026-01-01\ta\tb", b"2026-01-02\ta\tb", b"2026-01-02\ta\\tb"]
    rows = _numbered(lines, [_digest(line) for line in lines], 7, 41).split(b"\n")
    first, later, other = (row.split(b"\t") for row in rows[:3])
    assert (first[:2], later[:2], other[:2]) == ([b"7", b"42"], [b"7", b"43"], [b"7", b"44"])
    assert first[2] == later[2] != other[2]
    assert first[3:] == [b"2026-01-01", b"a", b"b"]
