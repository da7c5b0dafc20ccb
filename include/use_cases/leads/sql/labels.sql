-- Won and lost close a lead, reopened opens it again, and deleted closes it without an outcome.
SELECT
    lead_id,
    CASE WHEN kind IN ('won', 'lost') THEN label END AS label,
    kind <> 'reopened' AS closed,
    occurred_at,
    recorded_at AS known_at
FROM accepted
WHERE kind IN ('won', 'lost', 'reopened') OR deleted
