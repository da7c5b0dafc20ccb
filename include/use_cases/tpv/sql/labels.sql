-- Each day's volume counts towards the sum; a merchant that has closed takes nothing more, which is no missing label.
SELECT
    merchant_id,
    volume AS label,
    false AS closed,
    occurred_at,
    recorded_at AS known_at
FROM accepted
WHERE kind = 'day'
UNION ALL
SELECT
    merchant_id,
    0 AS label,
    true AS closed,
    occurred_at,
    recorded_at AS known_at
FROM accepted
WHERE status = 'closed'
