"""Keys that a file does not hold."""

from leadmill.layout import KeyHash
from leadmill.storage.file_keys import key_maker


def test_a_key_is_what_a_row_says_wherever_its_columns_stand() -> None:
    rule = KeyHash(without=("Class",))
    key = key_maker(rule, ("time", "amount", "class"))(("1", "2.5", "0"))
    assert len(key) == 32
    assert key_maker(rule, ("time", "amount", "class"))(("1", "2.5", "1")) == key
    assert key_maker(rule, ("amount", "time"))(("2.5", "1")) == key
    others = [("1", "2.50"), ("1", None), ("1", ""), (None, "1"), ("12", ".5")]
    made = [key_maker(rule, ("time", "amount"))(values) for values in others]
    assert len({key, *made}) == len(others) + 1
