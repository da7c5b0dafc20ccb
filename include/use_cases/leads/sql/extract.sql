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
    lead_id,
    NULL AS converted,
    recorded_at,
    kind,
    activity_id AS fact_no,
    occurred_at::text AS occurred_at,
    NULL AS submitted_at,
    NULL AS effective_start_date,
    NULL AS deleted,
    NULL AS pages,
    NULL AS seconds,
    NULL AS lead_origin,
    NULL AS lead_source,
    NULL AS country,
    NULL AS city,
    NULL AS occupation,
    NULL AS specialization,
    NULL AS do_not_email,
    NULL AS do_not_call,
    NULL AS activity_index,
    NULL AS profile_index
FROM crm.activities
WHERE recorded_at > :since AND recorded_at <= :until
UNION ALL
SELECT
    lead_id,
    NULL AS converted,
    recorded_at,
    'visit' AS kind,
    visit_id AS fact_no,
    visited_at::text AS occurred_at,
    NULL AS submitted_at,
    NULL AS effective_start_date,
    NULL AS deleted,
    pages,
    seconds,
    NULL AS lead_origin,
    NULL AS lead_source,
    NULL AS country,
    NULL AS city,
    NULL AS occupation,
    NULL AS specialization,
    NULL AS do_not_email,
    NULL AS do_not_call,
    NULL AS activity_index,
    NULL AS profile_index
FROM crm.web_visits
WHERE recorded_at > :since AND recorded_at <= :until
UNION ALL
SELECT
    lead_id,
    CASE outcome WHEN 'won' THEN 'yes' WHEN 'lost' THEN 'no' END AS converted,
    recorded_at,
    outcome AS kind,
    NULL AS fact_no,
    occurred_at::text AS occurred_at,
    NULL AS submitted_at,
    NULL AS effective_start_date,
    NULL AS deleted,
    NULL AS pages,
    NULL AS seconds,
    NULL AS lead_origin,
    NULL AS lead_source,
    NULL AS country,
    NULL AS city,
    NULL AS occupation,
    NULL AS specialization,
    NULL AS do_not_email,
    NULL AS do_not_call,
    NULL AS activity_index,
    NULL AS profile_index
FROM crm.outcomes
WHERE recorded_at > :since AND recorded_at <= :until
