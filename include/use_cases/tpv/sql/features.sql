-- One row per merchant and moment. `known` holds the facts that had been recorded by the moment, and no others; windows
-- count back from the newest day of which the merchant's figures are known. A year is 364 days: whole weeks.
WITH profile AS (
    SELECT DISTINCT ON (merchant_id, as_of)
        merchant_id,
        as_of,
        segment,
        region,
        opened_at
    FROM known
    WHERE kind = 'profile'
    -- The last makes the choice certain where two versions have the same times.
    ORDER BY merchant_id ASC, as_of ASC, occurred_at DESC, recorded_at DESC, known::text ASC
),

figure AS (
    -- Of two figures of one day the one that was recorded last counts.
    SELECT DISTINCT ON (merchant_id, as_of, occurred_at)
        merchant_id,
        as_of,
        (occurred_at AT TIME ZONE 'UTC')::date - 1 AS day,
        volume,
        transactions
    FROM known
    WHERE kind = 'day' AND occurred_at > as_of - interval '460 days'
    ORDER BY merchant_id ASC, as_of ASC, occurred_at ASC, recorded_at DESC, volume DESC, transactions DESC
),

newest AS (
    SELECT
        merchant_id,
        as_of,
        max(day) AS day
    FROM figure
    GROUP BY merchant_id, as_of
),

counted AS (
    SELECT
        f.merchant_id,
        f.as_of,
        n.day AS newest_day,
        count(*) AS known_days,
        sum(f.volume) FILTER (WHERE n.day - f.day < 7) AS volume_7d,
        sum(f.volume) FILTER (WHERE n.day - f.day < 30) AS volume_30d,
        sum(f.volume) FILTER (WHERE n.day - f.day BETWEEN 30 AND 59) AS volume_30d_before,
        sum(f.volume) FILTER (WHERE n.day - f.day < 90) AS volume_90d,
        sum(f.volume) FILTER (WHERE n.day - f.day < 364) AS volume_364d,
        sum(f.volume) FILTER (WHERE n.day - f.day BETWEEN 334 AND 363) AS year_ago,
        sum(f.volume) FILTER (WHERE n.day - f.day BETWEEN 364 AND 393) AS year_ago_before,
        sum(f.volume) FILTER (WHERE n.day - f.day BETWEEN 364 AND 453) AS year_ago_90d,
        sum(f.transactions) FILTER (WHERE n.day - f.day < 7) AS transactions_7d,
        sum(f.transactions) FILTER (WHERE n.day - f.day < 30) AS transactions_30d,
        count(*) FILTER (WHERE n.day - f.day < 30 AND f.volume = 0) AS zero_days_30d,
        max(f.volume) FILTER (WHERE n.day - f.day < 90) AS largest_day_90d,
        sum(f.volume) FILTER (WHERE n.day - f.day < 90 AND extract(ISODOW FROM f.day) > 5) AS weekend_90d,
        max(n.day - f.day) AS oldest
    FROM figure AS f
    INNER JOIN newest AS n ON f.merchant_id = n.merchant_id AND f.as_of = n.as_of
    GROUP BY f.merchant_id, f.as_of, n.day
),

-- What reaches back further than the figures do is not known.
whole AS (
    SELECT
        *,
        CASE WHEN oldest >= 363 THEN volume_364d END AS whole_364d,
        CASE WHEN oldest >= 363 THEN coalesce(year_ago, 0) END AS whole_year_ago,
        CASE WHEN oldest >= 393 THEN coalesce(year_ago_before, 0) END AS whole_year_ago_before,
        CASE WHEN oldest >= 453 THEN coalesce(year_ago_90d, 0) END AS whole_year_ago_90d,
        (extract(ISODOW FROM newest_day))::int AS weekday
    FROM counted
),

-- At most 20 times as much: the rest says no more.
compared AS (
    SELECT
        *,
        round(least(whole_year_ago, 20 * whole_year_ago_before) / nullif(whole_year_ago_before, 0), 4) AS season,
        round(least(volume_90d, 20 * whole_year_ago_90d) / nullif(whole_year_ago_90d, 0), 4) AS yearly_growth
    FROM whole
)

SELECT
    p.merchant_id,
    p.as_of,
    p.segment,
    p.region,
    greatest(c.newest_day - (p.opened_at AT TIME ZONE 'UTC')::date, 0) AS tenure_days,
    c.known_days,
    coalesce(c.volume_7d, 0) AS volume_7d,
    coalesce(c.volume_30d, 0) AS volume_30d,
    coalesce(c.volume_90d, 0) AS volume_90d,
    coalesce(c.volume_30d_before, 0) AS volume_30d_before,
    c.whole_364d AS volume_364d,
    c.whole_year_ago AS volume_year_ago_30d,
    c.whole_year_ago_before AS volume_year_ago_before,
    c.season,
    round(coalesce(c.volume_30d, 0) * coalesce(c.season, 1), 2) AS seasonal_volume_30d,
    c.yearly_growth,
    round(c.whole_year_ago * coalesce(c.yearly_growth, 1), 2) AS grown_volume_year_ago,
    -- Of one week and 30 days at most 30 / 7.
    round(c.volume_7d * 30 / nullif(c.volume_30d * 7, 0), 4) AS trend_7d,
    round(least(c.volume_30d, 20 * c.volume_30d_before) / nullif(c.volume_30d_before, 0), 4) AS trend_30d,
    coalesce(c.transactions_7d, 0) AS transactions_7d,
    coalesce(c.transactions_30d, 0) AS transactions_30d,
    round(c.volume_30d / nullif(c.transactions_30d, 0), 4) AS mean_payment_30d,
    c.zero_days_30d,
    coalesce(c.largest_day_90d, 0) AS largest_day_90d,
    round(coalesce(c.weekend_90d, 0) / nullif(c.volume_90d, 0), 4) AS weekend_share_90d,
    -- 28 of the coming 30 days are whole weeks; of the two that are left, one falls a day after the newest weekday, one two days.
    8 + (c.weekday IN (5, 6))::int + (c.weekday IN (4, 5))::int AS weekend_days_ahead,
    extract(DOY FROM c.newest_day) AS day_of_year,
    to_char(c.newest_day + 15, 'mon') AS coming_month
FROM profile AS p
INNER JOIN compared AS c ON p.merchant_id = c.merchant_id AND p.as_of = c.as_of
