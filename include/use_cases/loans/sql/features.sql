-- What an applicant and a co-applicant earn together; unknown where one of them is.
SELECT
    row_no,
    loan_id,
    event_timestamp,
    dependents,
    graduate,
    self_employed,
    applicant_income,
    coapplicant_income,
    applicant_income + coapplicant_income AS total_income,
    loan_amount,
    loan_amount_term,
    credit_history,
    property_area
FROM typed
