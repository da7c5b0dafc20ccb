-- The outcome stands in the payment's own row and is known when the row is recorded; it closes nothing.
SELECT
    payment_id,
    label,
    false AS closed,
    recorded_at AS occurred_at,
    recorded_at AS known_at
FROM accepted
WHERE label IS NOT NULL
