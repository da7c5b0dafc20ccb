"""What the doctor says of use cases."""

from pathlib import Path

from added_support import use_cases_in
from mistakes_support import write

from leadmill.local.checks_use_cases import use_cases_valid


def test_a_wrong_spec_is_told_beside_a_right_one(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "use_case.yaml").write_text("name: othre\n")
    with use_cases_in(tmp_path):
        found = {(one.check, one.level): one.found for one in use_cases_valid()}
    assert "name: found 'othre'; allowed: the name of its folder, 'other'" in found["Use case", "wrong"]
    assert str(tmp_path / "other" / "use_case.yaml") in found["Use case", "wrong"]
    assert found["Use cases", "ok"] == "orders: valid"
    assert "feature_repo/orders.py, so Feast does not know it" in found["Use case", "note"]
