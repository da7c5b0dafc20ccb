"""The typed online store and its engine, through the plain Feast SDK, on real Postgres."""

import asyncio
import multiprocessing
import threading
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typed_store_support import END, FULL, LONG, NAMES, NOON, NULLS, START, Shop, offers, price, push, read

from leadmill.features.typed_store.errors import NoOnlineTable, OnlineStoreUnreachable, UnfitValue, UnsupportedType

HOUR = timedelta(hours=1)


@pytest.fixture
def shop(postgres: dict[str, str], tmp_path: Path) -> Iterator[Shop]:
    """An empty shop in a database of its own schemas."""
    found = Shop(postgres, tmp_path)
    found.create()
    yield found
    found.drop()
    found.connection.close()


@pytest.fixture
def store(shop: Shop) -> Any:
    """The shop's feature store, applied."""
    store = shop.store()
    store.apply(offers())
    return store


def expected(values: dict[str, Any], names: Sequence[str] = NAMES) -> tuple[Any, ...]:
    return tuple(values[name] for name in names)


def held(shop: Shop) -> list[dict[str, Any]]:
    cursor = shop.connection.cursor(row_factory=psycopg.rows.dict_row)
    return cursor.execute("SELECT * FROM shop_online.shop_offers ORDER BY shop_id, name").fetchall()


def aware(rows: list[Any]) -> list[Any]:
    return [
        tuple(value.astimezone(UTC) if isinstance(value, datetime) and value.tzinfo else value for value in row)
        for row in rows
    ]


def close(store: Any) -> None:
    """Feast's own Postgres store leaves its connection to the collector."""
    store._get_provider().online_store._conn.close()


PATHS = ("push down", "another server", "Feast's own store")


@pytest.mark.parametrize("path", PATHS)
def test_every_type_and_name_comes_back_whichever_way_it_came(shop: Shop, path: str) -> None:
    changes: dict[str, Any] = {}
    names = NAMES
    if path == "another server":
        # The same one by another name: nothing tells the engine that they are one.
        changes["offline_store"] = {"type": "postgres", **shop.server("shop"), "host": "localhost"}
    if path == "Feast's own store":
        changes["online_store"] = {"type": "postgres", **shop.server("public")}
        names = [name for name in NAMES if '"' not in name]
    store = shop.store(**changes)
    store.apply(offers(without=set(NAMES) - set(names)))
    shop.offer((1, "tea"), NOON, **FULL)
    shop.offer((1, "tea"), NOON - HOUR, **NULLS)
    shop.offer((2, "tea"), NOON, **NULLS)
    shop.offer((2, "Tee 100 %"), NOON, None, **FULL)
    if path != "Feast's own store":
        shop.offer((None, "tea"), NOON, **FULL)
    shop.offer((3, "late"), END + HOUR, **FULL)
    store.materialize(START, END)
    wanted = [(1, "tea"), (2, "tea"), (2, "Tee 100 %"), (3, "late"), (1, "tea")]
    full, nothing = expected(FULL, names), expected(NULLS, names)
    assert aware(read(store, *wanted, features=names)) == [full, nothing, full, nothing, full]
    if path == "Feast's own store":
        store.teardown()
        close(store)
        return
    rows = held(shop)
    assert [(row["shop_id"], row["name"]) for row in rows] == [(1, "tea"), (2, "Tee 100 %"), (2, "tea")]
    assert rows[0]["event_timestamp"] == NOON
    assert (rows[0]["created_timestamp"], rows[1]["created_timestamp"]) == (NOON, None)
    comment = shop.run(
        "SELECT obj_description('shop_online.shop_offers'::regclass), "
        "col_description('shop_online.shop_offers'::regclass, 3)"
    ).fetchone()
    assert comment == ("offers: newest features per key, for Feast's online reads", "about price")


def test_an_offline_store_that_is_no_postgres_gives_arrow(shop: Shop, tmp_path: Path) -> None:
    import pandas as pd
    from feast import FileSource

    rows = [
        {"shop_id": 1, "name": "tea", "at": NOON, "written": NOON, **FULL, "PRICE": 1.5},
        {"shop_id": 1, "name": "tea", "at": NOON - HOUR, "written": NOON, **FULL, "PRICE": 1.0},
        {"shop_id": 2, "name": "tea", "at": NOON, "written": NOON, **FULL, "PRICE": None},
    ]
    file = tmp_path / "offers.parquet"
    pd.DataFrame(rows).drop(columns="price").to_parquet(file)
    source = FileSource(
        name="file",
        path=str(file),
        timestamp_field="at",
        created_timestamp_column="written",
        field_mapping={"PRICE": "price"},
    )
    store = shop.store(offline_store={"type": "dask"})
    store.apply(offers(source=source))
    for _ in range(2):
        store.materialize(START, END)
        found = aware(read(store, (1, "tea"), (2, "tea"), (3, "tea")))
        assert found == [expected(FULL | {"price": 1.5}), expected(FULL | {"price": None}), expected(NULLS)]


def test_a_mapped_query_is_pushed_down(shop: Shop) -> None:
    from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource

    source = PostgreSQLSource(
        name="q",
        query='SELECT shop_id AS place, name, price AS "Price %", at AS happened FROM offers',
        timestamp_field="happened",
        field_mapping={"place": "shop_id", "Price %": "price"},
    )
    store = shop.store()
    store.apply(offers(source=source, without=NAMES[1:]))
    shop.offer((1, "tea"), NOON, price=2.5)
    shop.offer((1, "tea"), NOON + HOUR, price=3.5)
    store.materialize(START, END)
    assert price(store) == 3.5


def test_newer_wins_however_it_comes(shop: Shop, store: Any) -> None:
    push(store, NOON, price=1.0)
    push(store, NOON - HOUR, price=0.0)
    assert price(store) == 1.0
    push(store, NOON, price=2.0)
    assert price(store) == 2.0, "of two with equal times the later written counts"
    push(store, NOON, NOON - HOUR, price=3.0)
    assert price(store) == 2.0, "created earlier"
    push(store, NOON, None, price=3.0)
    assert price(store) == 2.0, "no created time is the earliest"
    shop.offer((1, "tea"), NOON - HOUR, NOON + HOUR, price=4.0)
    store.materialize(START, END)
    assert price(store) == 2.0
    shop.offer((1, "tea"), NOON, NOON + HOUR, price=5.0)
    shop.offer((1, "tea"), NOON, None, price=6.0)
    store.materialize(START, END)
    assert price(store) == 5.0
    push(store, NOON + HOUR, None, price=6.0)
    assert price(store) == 6.0


@pytest.mark.parametrize("others", [0, 150])
def test_within_one_batch_the_newest_then_the_last_is_kept(shop: Shop, store: Any, others: int) -> None:
    """Few rows go one by one, many by COPY."""
    import pandas as pd

    moments = [NOON, NOON + HOUR, NOON + HOUR, NOON]
    rows = [
        {"shop_id": 1, "name": "tea", **NULLS, "price": float(number), "at": at, "written": NOON}
        for number, at in enumerate(moments)
    ]
    more = [FULL | {"shop_id": 2, "name": f"tea {number}", "at": NOON, "written": NOON} for number in range(others)]
    store.write_to_online_store("offers", pd.DataFrame([*rows, *more]))
    assert price(store) == 2.0
    assert len(held(shop)) == 1 + others
    if others:
        assert aware(read(store, (2, "tea 149"))) == [expected(FULL)]
    with pytest.raises(UnfitValue, match="'name' got a null"):
        push(store, NOON, key=(1, None), price=1.0)


def test_materializing_twice_writes_nothing_the_second_time(shop: Shop, store: Any) -> None:
    for number in range(20):
        shop.offer((number, "tea"), NOON, price=float(number))
    store.materialize(START, END)
    before, versions = held(shop), shop.run("SELECT ctid, xmin FROM shop_online.shop_offers").fetchall()
    store.materialize(START, END)
    assert held(shop) == before
    assert shop.run("SELECT ctid, xmin FROM shop_online.shop_offers").fetchall() == versions


@pytest.mark.parametrize("source", ["table", "few rows", "view", "one connection"])
def test_many_rows_come_by_halves_of_the_keys(shop: Shop, source: str) -> None:
    """Of a table that can be sampled, where two connections are allowed; the rest as one statement."""
    from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource

    keys = 1_000 if source == "few rows" else 60_000
    shop.run("CREATE VIEW shop.seen_offers AS SELECT * FROM shop.offers")
    online = shop.config()["online_store"] | ({"min_conn": 1, "max_conn": 1} if source == "one connection" else {})
    store = shop.store(online_store=online)
    named = {"name": "s", "timestamp_field": "at", "created_timestamp_column": "written"}
    table = "seen_offers" if source == "view" else "offers"
    store.apply(offers(source=PostgreSQLSource(table=table, **named), without=NAMES[1:]))
    shop.offer((1, "tea"), NOON, price=-1.0)
    store.materialize(START, END)
    shop.run(
        "INSERT INTO shop.offers (shop_id, name, price, at, written) SELECT n, 'tea', n + k / 2.0, at, at "
        "FROM generate_series(1, %s) AS n, generate_series(0, 1) AS k, "
        "LATERAL (SELECT CAST(%s AS timestamptz) + make_interval(secs => k + 1) AS at) AS times",
        [keys, NOON],
    )
    store.materialize(START, END)
    found = "SELECT count(*), count(*) FILTER (WHERE price = shop_id + 0.5), count(DISTINCT xmin::text)"
    rows = shop.run(f"{found} FROM shop_online.shop_offers").fetchone()
    assert rows == (keys, keys, 2 if source == "table" else 1)
    shop.run("UPDATE shop_online.shop_offers SET price = 0 WHERE shop_id = 7")
    store.materialize(START, END)
    assert price(store, (7, "tea")) == 7.5


def test_the_ttl_counts_at_read(shop: Shop) -> None:
    now = datetime.now(UTC)
    store = shop.store()
    store.apply(offers(ttl=timedelta(hours=2)))
    push(store, now - HOUR, price=1.0)
    push(store, now - 3 * HOUR, key=(2, "tea"), price=2.0)
    assert [price(store), price(store, (2, "tea"))] == [1.0, None]
    assert len(held(shop)) == 2
    store.apply(offers(ttl=timedelta(0)))
    assert price(store, (2, "tea")) == 2.0
    assert price(store, (2, "tea\0")) is None


def test_the_table_follows_the_view(shop: Shop, store: Any) -> None:
    push(store, NOON, **FULL)
    fewer = offers(without=["price", LONG], more=[("grown", "Int64")])
    store.apply(fewer)
    names = ["Units sold", "grown"]
    assert read(store, (1, "tea"), features=names) == [(FULL["Units sold"], None)]
    columns = {
        row[0]
        for row in shop.run(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = 'shop_online'"
        ).fetchall()
    }
    assert "price" not in columns
    assert "grown" in columns
    # A changed type: the old values would mean something else.
    store.apply(offers(without=["price", LONG], more=[("grown", "String")]))
    assert read(store, (1, "tea"), features=names) == [(FULL["Units sold"], None)]
    store.apply([], objects_to_delete=[fewer[2]], partial=False)
    assert shop.run("SELECT to_regclass('shop_online.shop_offers')").fetchone() == (None,)


def test_applying_again_leaves_the_table_alone(shop: Shop, store: Any) -> None:
    before = shop.run("SELECT xmin FROM pg_attribute WHERE attrelid = 'shop_online.shop_offers'::regclass").fetchall()
    store.apply(offers())
    after = shop.run("SELECT xmin FROM pg_attribute WHERE attrelid = 'shop_online.shop_offers'::regclass").fetchall()
    assert after == before


def test_what_feasts_own_store_left_under_the_name_is_replaced(shop: Shop) -> None:
    shop.offer((1, "tea"), NOON, price=1.0)
    old = shop.store(online_store={"type": "postgres", **shop.server("shop_online")}, batch_engine={"type": "local"})
    plain = offers(without=['100% "sure"'])
    old.apply(plain)
    old.materialize(START, END)
    assert price(old) == 1.0
    close(old)
    # The registry is the same; nobody applies.
    store = shop.store()
    with pytest.raises(NoOnlineTable, match="feast apply"):
        price(store)
    store.materialize(START, END)
    assert price(store) == 1.0


def test_without_its_table_a_read_says_what_to_do(shop: Shop, store: Any) -> None:
    shop.run("DROP TABLE shop_online.shop_offers")
    with pytest.raises(NoOnlineTable, match="Run 'feast apply'"):
        price(store)


def test_a_type_without_a_column_is_refused_on_apply(shop: Shop) -> None:
    with pytest.raises(UnsupportedType, match="'extra' is a Map"):
        shop.store().apply(offers(more=[("extra", "Map")]))


def test_a_view_without_entities_has_one_row(shop: Shop) -> None:
    from feast import FeatureView, Field, types
    from feast.infra.offline_stores.contrib.postgres_offline_store.postgres_source import PostgreSQLSource

    source = PostgreSQLSource(name="s", table="offers", timestamp_field="at", created_timestamp_column="written")
    view = FeatureView(
        name="mood", entities=[], ttl=timedelta(0), schema=[Field(name="price", dtype=types.Float64)], source=source
    )
    store = shop.store()
    store.apply([view])
    shop.offer((1, "tea"), NOON, price=1.0)
    shop.offer((2, "tea"), NOON + HOUR, price=2.0)
    store.materialize(START, END)
    assert store.get_online_features(features=["mood:price"], entity_rows=[{"any": 1}]).to_dict() == {"price": [2.0]}


def kill_backends(shop: Shop) -> int:
    return len(
        shop.run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'feast'").fetchall()
    )


def test_killed_connections_and_failed_statements_do_not_poison_the_next_call(shop: Shop, store: Any) -> None:
    push(store, NOON, price=1.0)
    assert kill_backends(shop) >= 1
    assert price(store) == 1.0
    assert kill_backends(shop) >= 1
    push(store, NOON + HOUR, price=2.0)
    shop.run("ALTER TABLE shop_online.shop_offers ADD CHECK (price < 100)")
    for _ in range(12):
        with pytest.raises(psycopg.errors.CheckViolation):
            push(store, NOON + 2 * HOUR, price=500.0)
    assert price(store) == 2.0
    # A plan made before the column was made again.
    shop.run("ALTER TABLE shop_online.shop_offers DROP COLUMN price, ADD COLUMN price text")
    shop.run("ALTER TABLE shop_online.shop_offers DROP COLUMN price, ADD COLUMN price double precision DEFAULT 7")
    assert price(store) == 7.0


def _in_a_child(store: Any, answers: Any) -> None:
    answers.put(price(store))


def test_a_fork_opens_connections_of_its_own(shop: Shop, store: Any) -> None:
    push(store, NOON, price=1.0)
    context = multiprocessing.get_context("fork")
    answers = context.Queue()
    for _ in range(2):
        child = context.Process(target=_in_a_child, args=(store, answers))
        child.start()
        assert answers.get(timeout=60) == 1.0
        child.join(timeout=60)
        assert child.exitcode == 0
        assert price(store) == 1.0


def test_threads_share_the_pool(shop: Shop, store: Any) -> None:
    push(store, NOON, price=1.0)
    found: list[float | None] = []

    def look() -> None:
        found.extend(price(store) for _ in range(10))

    threads = [threading.Thread(target=look) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [1.0] * 200
    open_now = shop.run("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'feast'").fetchone()
    assert open_now is not None
    assert open_now[0] <= 10


def test_an_unreachable_server_is_named(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    from leadmill.features.typed_store import connections

    monkeypatch.setattr(connections, "_WAIT", 1.0)
    store = shop.store()
    store.apply(offers())
    closed = shop.store(online_store={"type": store.config.online_store.type, **shop.server("shop_online"), "port": 1})
    with pytest.raises(OnlineStoreUnreachable, match=r"127\.0\.0\.1:1/"):
        price(closed)
    asyncio.run(closed._get_provider().close())


def test_feasts_asynchronous_calls_work(shop: Shop, store: Any) -> None:
    push(store, NOON, price=1.0)
    answer = asyncio.run(
        store.get_online_features_async(features=["offers:price"], entity_rows=[{"shop_id": 1, "name": "tea"}])
    )
    assert answer.to_dict()["price"] == [1.0]


def test_answers_are_those_of_feasts_own_way(shop: Shop, store: Any) -> None:
    """Statuses, event times and prefixed names, with and without Feast's own loop over the rows."""
    push(store, NOON, **FULL)
    push(store, NOON, key=(2, "tea"), price=1.0)

    def ask(**more: Any) -> Any:
        rows = [{"shop_id": n, "name": "tea"} for n in (1, 2, 3, 1)]
        names = [f"offers:{name}" for name in NAMES]
        return store.get_online_features(features=names, entity_rows=rows, full_feature_names=True, **more).proto

    ours, feasts = ask(), ask(include_feature_view_version_metadata=True)
    feasts.metadata.ClearField("feature_view_metadata")
    assert ours == feasts
