-- The outcome stands in the lead's own row and is known when the row is recorded.
SELECT
    lead_id,
    label,
    recorded_at AS known_at
FROM accepted
WHERE label IS NOT NULL
