-- Every application recorded in the window. The columns are the file's headers in lower case (see docs/pipelines).
SELECT
    loan_id,
    loan_status,
    recorded_at,
    gender,
    married,
    dependents,
    CASE lower(education) WHEN 'graduate' THEN 'yes' WHEN 'not graduate' THEN 'no' ELSE education END AS graduate,
    self_employed,
    applicantincome AS applicant_income,
    coapplicantincome AS coapplicant_income,
    loanamount AS loan_amount,
    loan_amount_term,
    credit_history,
    property_area
FROM loans.applications
WHERE recorded_at > :since AND recorded_at <= :until
ORDER BY recorded_at, load_id, line
