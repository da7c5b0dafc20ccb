"""The offline store beside Feast's own Postgres store: the same training sets, with ties, ttl, late rows and nulls."""

import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest
from feast import FeatureStore
from typed_store_support import FULL, NOON, Shop, offers

TYPE = "leadmill.features.offline_store.ArrowPostgresOfflineStore"
DAY = timedelta(days=1)
# Feast's own store writes names into SQL as they are, and cut to 63 bytes; arrays come through it.
PLAIN = ["price", "Units sold", "select", "xmin", "seen_at", "picture"]
ENTITIES = "SELECT number, shop_id, name, event_timestamp, small, sum FROM asked"


@pytest.fixture(scope="module")
def shop(postgres: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shop]:
    """A shop of ten offers with changing prices, and 300 questions about them, some of them about no offer."""
    found = Shop(postgres, tmp_path_factory.mktemp("shop"))
    found.create()
    draw = random.Random(11)

    def hours(low: int, high: int) -> timedelta:
        return timedelta(hours=draw.randint(low, high))

    for _ in range(150):
        at = NOON + hours(-90, 0)
        written = draw.choice([at, at + hours(0, 40)])
        # Created times of equal event times differ: Feast's own store says nothing about the others.
        written += timedelta(microseconds=draw.randint(0, 10**6))
        values = FULL | {"price": draw.random(), "xmin": draw.choice([None, "x"])}
        found.offer((draw.randint(1, 2), draw.choice("abcde")), at, written, **values)
    found.run(
        "CREATE TABLE shop.asked (number int, shop_id bigint, name text, event_timestamp timestamptz, small smallint, "
        "sum numeric)"
    )
    for number in range(300):
        values = [number, draw.randint(1, 3), draw.choice("abcde"), NOON + hours(-90, 20), number % 7]
        found.run("INSERT INTO shop.asked VALUES (%s, %s, %s, %s, %s, 0.5)", values)
    yield found
    found.drop()
    found.connection.close()


def stores(shop: Shop) -> list[FeatureStore]:
    """Feast's own, and ours; two views, one of which forgets after a day."""
    own: FeatureStore = shop.store("own")
    ours: FeatureStore = shop.store("ours", offline_store={"type": TYPE, **shop.server("shop")})
    for store in (own, ours):
        store.apply([*offers(), offers(name="fresh", ttl=DAY)[-1]])
    return [own, ours]


def frame(store: FeatureStore, entities: Any, features: list[str], **how: Any) -> pd.DataFrame:
    found = store.get_historical_features(entity_df=entities, features=features, full_feature_names=True, **how)
    return found.to_df().sort_values("number", ignore_index=True)


@pytest.mark.parametrize("by_created", [False, True])
@pytest.mark.parametrize("columns", ["number, shop_id, name, event_timestamp, small", "*"], ids=["adbc", "feast"])
def test_it_gives_what_feasts_own_store_gives(shop: Shop, columns: str, by_created: bool) -> None:
    wanted = [f"{view}:{name}" for view in ("offers", "fresh") for name in PLAIN]
    # A numeric has no type of its own in Arrow: those rows come the way they always came.
    entities = f"SELECT {columns} FROM asked"
    own, ours = (frame(store, entities, wanted, filter_by_created_timestamp=by_created) for store in stores(shop))
    pd.testing.assert_frame_equal(ours, own)
    missing = own["offers__price"].isna().sum(), own["fresh__price"].isna().sum()
    assert 0 < missing[0] < missing[1] < len(own) == 300


def test_rows_come_in_the_order_of_the_entities_with_any_name_and_type(shop: Shop) -> None:
    _, ours = stores(shop)
    found = ours.get_historical_features(
        entity_df=f"{ENTITIES} WHERE shop_id < 3 ORDER BY number DESC", features=["offers:sizes", 'offers:100% "sure"']
    ).to_df()
    assert found["number"].is_monotonic_decreasing
    known = found[found['100% "sure"'].notna()]
    assert len(known)
    assert {tuple(sizes) for sizes in known["sizes"]} == {(1, 2, 2)}


def test_no_entities_are_no_rows_and_a_frame_of_entities_is_feasts(shop: Shop) -> None:
    _, ours = stores(shop)
    none = ours.get_historical_features(entity_df=f"{ENTITIES} WHERE false", features=["offers:price"]).to_df()
    assert none.empty
    assert list(none.columns[-2:]) == ["sum", "price"]
    given = pd.DataFrame({"number": [1], "shop_id": [1], "name": ["a"], "event_timestamp": [NOON]})
    by_sql = frame(
        ours,
        f"SELECT 1 AS number, 1 AS shop_id, 'a' AS name, '{NOON}'::timestamptz AS event_timestamp",
        ["offers:price"],
    )
    assert frame(ours, given, ["offers:price"])["offers__price"].tolist() == by_sql["offers__price"].tolist()


def test_a_saved_data_set_knows_its_range_of_time(shop: Shop) -> None:
    _, ours = stores(shop)
    job = ours.get_historical_features(entity_df=ENTITIES, features=["offers:price"])
    assert job.metadata is not None
    times = shop.run("SELECT min(event_timestamp), max(event_timestamp) FROM shop.asked").fetchone()
    assert (job.metadata.min_event_timestamp, job.metadata.max_event_timestamp) == times
    assert "DISTINCT ON" in job.to_sql()
