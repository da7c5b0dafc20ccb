"""The made-up file of loan applications."""

import pandas as pd

from leadmill.demo.loans import ROWS, generate


def test_it_has_the_shape_of_the_real_file() -> None:
    made = generate()
    assert len(made) == ROWS
    assert made["Loan_ID"].is_unique
    assert made["Loan_ID"].str.fullmatch(r"LP\d{6}").all()
    assert 0.6 < (made["Loan_Status"] == "Y").mean() < 0.77
    gaps = (made == "").sum()
    assert 30 < gaps["Credit_History"] < 75
    assert gaps["LoanAmount"] > 8
    assert gaps["Loan_Status"] == 0
    incomes = made["ApplicantIncome"].astype(float)
    assert incomes.skew() > 2
    approved = made["Loan_Status"] == "Y"
    assert approved[made["Credit_History"] == "1"].mean() - approved[made["Credit_History"] == "0"].mean() > 0.5


def test_the_same_seed_makes_the_same_file() -> None:
    pd.testing.assert_frame_equal(generate(50, 3), generate(50, 3))
    assert not generate(50, 3).equals(generate(50, 4))
