-- One row per lead and moment. `known` holds the facts that had been recorded by the moment, and no others; windows
-- count by when things happened.
WITH lead AS (
    SELECT DISTINCT ON (lead_id, as_of) *
    FROM known
    WHERE kind = 'lead'
    -- The last makes the choice certain where two versions have the same times.
    ORDER BY lead_id ASC, as_of ASC, occurred_at DESC, recorded_at DESC, known::text ASC
),

activity AS (
    SELECT
        lead_id,
        as_of,
        kind,
        occurred_at,
        recorded_at,
        pages,
        seconds,
        as_of - occurred_at AS ago
    FROM known
    WHERE kind NOT IN ('lead', 'won', 'lost', 'reopened', 'other') AND occurred_at <= as_of
),

counted AS (
    SELECT
        lead_id,
        as_of,
        count(*) FILTER (WHERE kind = 'visit' AND ago < interval '1 day') AS visits_1d,
        count(*) FILTER (WHERE kind = 'visit' AND ago < interval '7 days') AS visits_7d,
        count(*) FILTER (
            WHERE kind = 'visit' AND ago >= interval '7 days' AND ago < interval '14 days'
        ) AS visits_week_before,
        count(*) FILTER (WHERE kind = 'visit' AND ago < interval '30 days') AS visits_30d,
        sum(seconds) FILTER (WHERE ago < interval '7 days') AS seconds_7d,
        sum(seconds) FILTER (WHERE ago < interval '30 days') AS seconds_30d,
        sum(pages) FILTER (WHERE ago < interval '30 days') AS pages_30d,
        avg(pages) AS pages_per_visit,
        avg(seconds) AS seconds_per_visit,
        count(*) FILTER (WHERE kind = 'email_opened' AND ago < interval '7 days') AS emails_opened_7d,
        count(*) FILTER (WHERE kind = 'email_opened' AND ago < interval '30 days') AS emails_opened_30d,
        count(*) FILTER (WHERE kind = 'email_opened') AS emails_opened,
        count(*) FILTER (WHERE kind = 'email_link_clicked' AND ago < interval '30 days') AS email_clicks_30d,
        count(*) FILTER (WHERE kind = 'email_link_clicked') AS email_clicks,
        count(*) FILTER (WHERE kind = 'form_submitted' AND ago < interval '1 day') AS forms_1d,
        count(*) FILTER (WHERE kind = 'form_submitted' AND ago < interval '30 days') AS forms_30d,
        count(*) FILTER (WHERE kind = 'chat' AND ago < interval '30 days') AS chats_30d,
        count(*) FILTER (WHERE kind = 'phone_conversation' AND ago < interval '30 days') AS calls_30d,
        count(*) FILTER (WHERE kind = 'sms_sent' AND ago < interval '30 days') AS sms_30d,
        bool_or(kind = 'unsubscribed') AS unsubscribed,
        count(*) FILTER (WHERE ago < interval '1 day') AS activities_1d,
        count(*) FILTER (WHERE ago < interval '7 days') AS activities_7d,
        count(DISTINCT date_trunc('day', occurred_at, 'UTC')) FILTER (
            WHERE ago < interval '30 days'
        ) AS active_days_30d,
        min(ago) AS since_last_activity,
        min(ago) FILTER (WHERE kind = 'visit') AS since_last_visit,
        min(occurred_at) AS first_at,
        (array_agg(kind ORDER BY occurred_at, recorded_at, kind))[1] AS first_touch,
        (array_agg(kind ORDER BY occurred_at DESC, recorded_at DESC, kind ASC))[1] AS last_touch
    FROM activity
    GROUP BY lead_id, as_of
),

first_day AS (
    SELECT
        a.lead_id,
        a.as_of,
        count(*) AS forms
    FROM activity AS a
    INNER JOIN lead AS l ON a.lead_id = l.lead_id AND a.as_of = l.as_of
    WHERE a.kind = 'form_submitted' AND a.occurred_at < l.submitted_at + interval '1 day'
    GROUP BY a.lead_id, a.as_of
)

SELECT
    l.lead_id,
    l.as_of,
    l.lead_origin,
    l.lead_source,
    l.country,
    l.city,
    l.occupation,
    l.specialization,
    l.do_not_email,
    l.do_not_call,
    l.activity_index,
    l.profile_index,
    round(extract(EPOCH FROM l.effective_start_date - l.submitted_at) / 86400, 3) AS days_to_start,
    -- Clocks may differ by a minute: a lead may be recorded before it was submitted.
    floor(extract(EPOCH FROM greatest(l.as_of, l.submitted_at) - l.submitted_at) / 86400) AS age_days,
    coalesce(c.visits_1d, 0) AS visits_1d,
    coalesce(c.visits_7d, 0) AS visits_7d,
    coalesce(c.visits_30d, 0) AS visits_30d,
    coalesce(c.seconds_7d, 0) AS seconds_7d,
    coalesce(c.seconds_30d, 0) AS seconds_30d,
    coalesce(c.pages_30d, 0) AS pages_30d,
    round(c.pages_per_visit, 6) AS pages_per_visit,
    round(c.seconds_per_visit, 6) AS seconds_per_visit,
    coalesce(c.visits_7d - c.visits_week_before, 0) AS visits_trend,
    coalesce(c.emails_opened_7d, 0) AS emails_opened_7d,
    coalesce(c.emails_opened_30d, 0) AS emails_opened_30d,
    coalesce(c.email_clicks_30d, 0) AS email_clicks_30d,
    round(c.email_clicks::numeric / nullif(c.emails_opened, 0), 6) AS click_rate,
    coalesce(c.forms_1d, 0) AS forms_1d,
    coalesce(c.forms_30d, 0) AS forms_30d,
    coalesce(f.forms, 0) AS first_day_forms,
    coalesce(c.chats_30d, 0) AS chats_30d,
    coalesce(c.calls_30d, 0) AS calls_30d,
    coalesce(c.sms_30d, 0) AS sms_30d,
    coalesce(c.unsubscribed, false) AS unsubscribed,
    coalesce(c.activities_1d, 0) AS activities_1d,
    coalesce(c.activities_7d, 0) AS activities_7d,
    coalesce(c.active_days_30d, 0) AS active_days_30d,
    floor(extract(EPOCH FROM c.since_last_activity) / 86400) AS days_since_last_activity,
    floor(extract(EPOCH FROM c.since_last_visit) / 86400) AS days_since_last_visit,
    round(extract(EPOCH FROM c.first_at - l.submitted_at) / 3600, 3) AS hours_to_first_activity,
    c.first_touch,
    c.last_touch
FROM lead AS l
LEFT JOIN counted AS c ON l.lead_id = c.lead_id AND l.as_of = c.as_of
LEFT JOIN first_day AS f ON l.lead_id = f.lead_id AND l.as_of = f.as_of
