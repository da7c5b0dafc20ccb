-- One row per fact: versions of merchants, and their figures of a day, which is over when it has ended.
SELECT
    merchant_id,
    NULL AS next_month_volume,
    recorded_at,
    'profile' AS kind,
    changed_at AS occurred_at,
    NULL::int AS transactions,
    NULL::bigint AS volume,
    opened_on AS opened_at,
    status,
    segment,
    region
FROM acquirer.merchants
WHERE recorded_at > :since AND recorded_at <= :until
UNION ALL
SELECT
    merchant_id,
    NULL AS next_month_volume,
    recorded_at,
    'day' AS kind,
    (day + 1)::timestamp AT TIME ZONE 'UTC' AS occurred_at,
    transactions,
    volume,
    NULL AS opened_at,
    NULL AS status,
    NULL AS segment,
    NULL AS region
FROM acquirer.daily_volumes
WHERE recorded_at > :since AND recorded_at <= :until
