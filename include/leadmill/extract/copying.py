"""The source's rows on their way into ``raw.<use case>``: COPY to COPY, each line numbered and hashed in passing."""

from collections.abc import Iterable, Iterator
from hashlib import blake2b
from selectors import EVENT_READ, DefaultSelector

import psycopg
from psycopg import errors, pq, sql as pgsql

from leadmill import names
from leadmill.extract.windows import Window
from leadmill.spec import UseCase

# Bytes that are taken from the source before they go on: enough for both servers to work at the same time.
_BLOCK = 1 << 18
_HASH_BYTES = 16


def given_columns(use_case: UseCase) -> list[str]:
    """Columns of the source that are kept as text: the key, the label and what the spec declares."""
    return [use_case.entity.key, use_case.label.name, *(column.name for column in use_case.raw_columns)]


def copy_rows(
    use_case: UseCase, window: Window, source: psycopg.Connection, target: psycopg.Connection, query: str
) -> int:
    """Append the rows of ``query`` to raw in bounded memory, numbered from 1 in their order; how many there were.

    ``content_hash`` is the BLAKE2b of 128 bits over a row's columns but the watermark, as COPY writes them.
    """
    columns = [pgsql.Identifier(name) for name in given_columns(use_case)]
    out = pgsql.SQL("COPY (SELECT {}::timestamptz, {} FROM ({}) AS rows) TO STDOUT").format(
        pgsql.Identifier(use_case.source.watermark),
        pgsql.SQL(", ").join(pgsql.SQL("{}::text").format(name) for name in columns),
        pgsql.SQL(query),
    )
    into = pgsql.SQL("COPY {} (window_id, row_no, content_hash, recorded_at, {}) FROM STDIN").format(
        pgsql.Identifier(*names.raw_table(use_case).split(".")), pgsql.SQL(", ").join(columns)
    )
    read = 0
    with source.cursor().copy(out), target.cursor().copy(into) as writing:
        for lines in _lines(_rows(source)):
            writing.write(_numbered(lines, window.window_id, read))
            read += len(lines)
    return read


def _rows(source: psycopg.Connection) -> Iterator[memoryview]:
    """What a COPY that has begun sends, a row at a time.

    As iterating over psycopg's Copy does, which waits anew for each row, also for those that have come already: that
    takes several times longer than everything else that is done with a row here.
    """
    with DefaultSelector() as selector:
        selector.register(source.pgconn.socket, EVENT_READ)
        while True:
            size, row = source.pgconn.get_copy_data(1)
            if size > 0:
                yield row
            elif size < 0:
                break
            else:
                selector.select()
                source.pgconn.consume_input()
    failed = None
    while result := source.pgconn.get_result():
        failed = failed or (result if result.status != pq.ExecStatus.COMMAND_OK else None)
    if failed:
        raise errors.error_from_result(failed)


def _lines(blocks: Iterable[bytes | bytearray | memoryview]) -> Iterator[list[bytes]]:
    """Whole lines, without their ends, some thousand at a time: a value's own line ends are written as two signs."""
    held: list[bytes | bytearray | memoryview] = []
    size = 0
    for block in blocks:
        held.append(block)
        size += len(block)
        if size >= _BLOCK:
            *lines, rest = b"".join(held).split(b"\n")
            yield lines
            held, size = [rest], len(rest)
    *lines, _ = b"".join(held).split(b"\n")
    yield lines


def _numbered(lines: Iterable[bytes], window_id: int, before: int) -> bytes:
    """Lines for raw: window, number and hash come before what the source wrote, which begins with the watermark."""
    written = []
    for number, line in enumerate(lines, before + 1):
        content = line.partition(b"\t")[2]
        digest = blake2b(content, digest_size=_HASH_BYTES).hexdigest().encode()
        written.append(b"%d\t%d\t%b\t%b\n" % (window_id, number, digest, line))
    return b"".join(written)
