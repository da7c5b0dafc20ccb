"""A small use case with known truths, for the tests of the study."""

from datetime import UTC, datetime

SPEC = """
name: shop
title: Shop & <Sons>
description: Who buys.
note: All of this is made up.
entity: {name: buyer, key: buyer_id, key_type: string}
source: {connection: warehouse, relations: [shop.buyers], watermark: recorded_at, history: snapshot}
label: {name: bought, title: Bought, horizon: none}
features:
  spend: {title: "Spend $x$ <b>", unit: $, type: float, min: 0, outliers: clip, impute: linear, fill: 3}
  budget: {title: Budget, unit: $, type: float, impute: median, fill: 1}
  visits: {title: Visits, unit: visits, type: int, min: 0, max: 900, impute: median, fill: 3}
  interest: {title: Interest, type: ordered, levels: [low, mid, high], impute: mode, fill: low}
  channel: {title: Channel, type: category, impute: unknown}
  shop: {title: Shop, type: category, impute: unknown}
  wants_mail: {title: Wants mail, type: bool, impute: constant, fill: false}
model: {candidates: [logistic_regression], metric: pr_auc}
gate: {min_rows: 100, min_positives: 20}
score: {population: all, bands: {A: 0.2, B: 1.0}}
"""
HOSTILE = "<script>alert('x')</script>"
ROWS = 1500
MOMENT = datetime(2026, 6, 1, tzinfo=UTC)
