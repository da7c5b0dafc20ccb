-- NUMERIC columns go as they are: extract carries text.
SELECT
    lead_id,
    converted,
    recorded_at,
    total_visits,
    time_on_website,
    pages_per_visit,
    age,
    budget,
    emails_opened,
    days_since_visit,
    engagement,
    company_size,
    activity_index,
    profile_index,
    do_not_email,
    newsletter,
    has_phone,
    lead_source,
    lead_origin,
    country,
    occupation,
    device,
    last_activity
FROM bench.leads
WHERE recorded_at > :since AND recorded_at <= :until
ORDER BY recorded_at, line
