-- One row per fact: versions of leads, activities, visits (in the tracker's local time) and outcomes.
SELECT
    lead_id,
    NULL AS converted,
    recorded_at,
    'lead' AS kind,
    NULL::bigint AS fact_no,
    changed_at::text AS occurred_at,
    submitted_at,
    effective_start_date,
    deleted,
    NULL::int AS pages,
    NULL::int AS seconds,
    origin AS lead_origin,
    source AS lead_source,
    country,
    city,
    occupation,
    specialization,
    do_not_email,
    do_not_call,
    activity_index,
    profile_index
FROM crm.leads
WHERE recorded_at > :since AND recorded_at <= :until
UNION ALL
SELECT
    lead_id, NULL, recorded_at, kind, activity_id, occurred_at::text,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM crm.activities
WHERE recorded_at > :since AND recorded_at <= :until
UNION ALL
SELECT
    lead_id, NULL, recorded_at, 'visit', visit_id, visited_at::text,
    NULL, NULL, NULL, pages, seconds, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM crm.web_visits
WHERE recorded_at > :since AND recorded_at <= :until
UNION ALL
SELECT
    lead_id,
    CASE outcome WHEN 'won' THEN 'yes' WHEN 'lost' THEN 'no' END,
    recorded_at, outcome, NULL, occurred_at::text,
    NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL
FROM crm.outcomes
WHERE recorded_at > :since AND recorded_at <= :until
