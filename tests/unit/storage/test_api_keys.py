"""What a key looks like."""

from hashlib import sha256

import pytest

from leadmill.storage.api_keys import derived_key, split


def test_a_key_has_an_id_and_a_digest() -> None:
    key = "lm_0123456789ab_" + "0f" * 32
    assert split(key) == ("0123456789ab", sha256(b"0f" * 32).digest())


@pytest.mark.parametrize(
    "key", ["", "lm_", "lm_0123456789ab_", "lm_0123456789AB_" + "0f" * 32, "lm_0123456789ab_" + "0f" * 32 + "\n"]
)
def test_other_texts_are_no_keys(key: str) -> None:
    assert split(key) is None


def test_a_stacks_own_key_follows_from_its_secret() -> None:
    first, second = derived_key("a" * 64), derived_key("b" * 64)
    assert split(first) is not None
    assert first == derived_key("a" * 64) != second
    assert "a" * 10 not in first
