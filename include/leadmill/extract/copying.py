"""The source's rows on their way into ``raw.<use case>``: COPY to COPY, each line numbered and hashed in passing."""

from binascii import hexlify
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from selectors import EVENT_READ, DefaultSelector

import psycopg
from psycopg import errors, pq, sql as pgsql

from leadmill import names
from leadmill.extract.windows import Window
from leadmill.hashes import some_equal
from leadmill.spec import UseCase

# Bytes that are taken from the source before they go on: enough for both servers to work at the same time.
_BLOCK = 1 << 18
_HASH_BYTES = 16
# Of those, kept of every row to tell whether one came twice.
_KEPT_BYTES = 8


def given_columns(use_case: UseCase) -> list[str]:
    """Columns of the source that are kept as text: the key, the label and what the spec declares."""
    return [use_case.entity.key, use_case.label.name, *(column.name for column in use_case.raw_columns)]


@dataclass(frozen=True)
class Copied:
    """How many rows, and whether the content of any of them may have come twice; false where none did."""

    rows: int
    perhaps_repeated: bool


def copy_rows(
    use_case: UseCase, window: Window, source: psycopg.Connection, target: psycopg.Connection, query: str
) -> Copied:
    """Append the rows of ``query`` to raw in bounded memory, numbered from 1 in their order.

    ``content_hash`` is the BLAKE2b of 128 bits over a row's columns but the watermark, as COPY writes them.
    """
    import numpy as np

    columns = [pgsql.Identifier(name) for name in given_columns(use_case)]
    out = pgsql.SQL("COPY (SELECT {}::timestamptz, {} FROM ({}) AS rows) TO STDOUT").format(
        pgsql.Identifier(use_case.source.watermark),
        pgsql.SQL(", ").join(pgsql.SQL("{}::text").format(name) for name in columns),
        pgsql.SQL(query),
    )
    into = pgsql.SQL("COPY {} (window_id, row_no, content_hash, recorded_at, {}) FROM STDIN").format(
        pgsql.Identifier(*names.raw_table(use_case).split(".")), pgsql.SQL(", ").join(columns)
    )
    read, hashes = 0, bytearray()
    with source.cursor().copy(out), target.cursor().copy(into) as writing:
        for lines in _blocks(_lines(source)):
            digests = [_digest(line) for line in lines]
            writing.write(_numbered(lines, digests, window.window_id, read))
            hashes += b"".join(digest[:_KEPT_BYTES] for digest in digests)
            read += len(lines)
    return Copied(read, some_equal(np.frombuffer(hashes, dtype=np.uint64)))


def _lines(source: psycopg.Connection) -> Iterator[bytes]:
    """What a COPY that has begun sends: libpq gives a whole row at a time, here without its line end.

    As iterating over psycopg's Copy does, which waits anew for each row, also for those that have come already: that
    takes several times longer than everything else that is done with a row here.
    """
    with DefaultSelector() as selector:
        selector.register(source.pgconn.socket, EVENT_READ)
        while True:
            size, row = source.pgconn.get_copy_data(1)
            if size > 0:
                yield bytes(row[:-1])
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


def _blocks(lines: Iterable[bytes]) -> Iterator[list[bytes]]:
    """Lines, some thousand at a time."""
    held, size = list[bytes](), 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size >= _BLOCK:
            yield held
            held, size = [], 0
    yield held


def _digest(line: bytes) -> bytes:
    """Hash of a line after its watermark."""
    return blake2b(line.partition(b"\t")[2], digest_size=_HASH_BYTES).digest()


def _numbered(lines: Sequence[bytes], digests: Sequence[bytes], window_id: int, before: int) -> bytes:
    """Lines for raw: window, number and hash come before what the source wrote, which begins with the watermark."""
    rows = enumerate(zip(lines, digests, strict=True), before + 1)
    return b"".join([b"%d\t%d\t%b\t%b\n" % (window_id, no, hexlify(digest), line) for no, (line, digest) in rows])
