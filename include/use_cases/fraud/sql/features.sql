-- What a payment looks like beside those before it. What lies between two times is the difference of two running sums, each
-- of what came strictly before: neither the payment itself nor one of the same time counts. (Frames that move along would
-- say it shorter, and take quadratic time once Postgres keeps their rows on disk.)
WITH moments AS (
    SELECT
        event_timestamp AS moment,
        count(*) AS payments,
        sum(amount::numeric(14, 2)) AS amount
    FROM typed
    GROUP BY event_timestamp
),

-- Each moment, and where the hour and the day before it begin.
edges AS (
    SELECT
        moment AS edge,
        moment,
        0 AS hours,
        payments,
        amount
    FROM moments
    UNION ALL
    SELECT
        moments.moment - spans.hours * interval '1 hour' AS edge,
        moments.moment,
        spans.hours,
        0 AS payments,
        0 AS amount
    FROM moments CROSS JOIN (VALUES (1), (24)) AS spans (hours)
),

-- Where a span begins at a moment with payments these are in it: its edge comes first.
running AS (
    SELECT
        moment,
        hours,
        coalesce(sum(payments) OVER earlier, 0) AS payments,
        coalesce(sum(amount) OVER earlier, 0) AS amount
    FROM edges
    WINDOW earlier AS (ORDER BY edge ASC, hours DESC ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
),

history AS (
    SELECT
        moment,
        max(payments) FILTER (WHERE hours = 0) - max(payments) FILTER (WHERE hours = 1) AS payments_1h,
        max(payments) FILTER (WHERE hours = 0) - max(payments) FILTER (WHERE hours = 24) AS payments_24h,
        max(amount) FILTER (WHERE hours = 0) - max(amount) FILTER (WHERE hours = 24) AS amount_24h,
        -- Of the first day less than 24 hours are known.
        greatest(least(extract(EPOCH FROM moment - min(moment) OVER ()) / 3600, 24), 1) AS hours_known
    FROM running
    GROUP BY moment
)

SELECT
    typed.row_no,
    typed.payment_id,
    typed.event_timestamp,
    typed.v1,
    typed.v2,
    typed.v3,
    typed.v4,
    typed.v5,
    typed.v6,
    typed.v7,
    typed.v8,
    typed.v9,
    typed.v10,
    typed.v11,
    typed.v12,
    typed.v13,
    typed.v14,
    typed.v15,
    typed.v16,
    typed.v17,
    typed.v18,
    typed.v19,
    typed.v20,
    typed.v21,
    typed.v22,
    typed.v23,
    typed.v24,
    typed.v25,
    typed.v26,
    typed.v27,
    typed.v28,
    typed.amount,
    history.payments_1h,
    history.payments_24h,
    ln(1 + typed.amount) AS log_amount,
    extract(HOUR FROM typed.event_timestamp AT TIME ZONE 'UTC') AS hour_of_day,
    round(history.payments_1h * history.hours_known / nullif(history.payments_24h, 0), 6) AS hour_against_day,
    round(
        typed.amount::numeric(14, 2) * history.payments_24h / nullif(history.amount_24h, 0), 6
    ) AS amount_against_day
FROM typed INNER JOIN history ON typed.event_timestamp = history.moment
WHERE typed.row_no IS NOT NULL
