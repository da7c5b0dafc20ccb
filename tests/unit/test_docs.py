"""The generated pages are what the spec says now."""

import pytest

from leadmill import settings
from leadmill.orchestration.doc_page import page
from leadmill.spec import load_use_case, use_case_names


@pytest.mark.parametrize("name", use_case_names())
def test_the_page_of_a_use_case_is_in_step_with_its_spec(name: str) -> None:
    file = settings.current().home / "docs" / "pipelines" / f"{name}.md"
    assert file.read_text(encoding="utf-8") == page(load_use_case(name)), "run ./leadmill docs"
