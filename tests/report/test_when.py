import pytest
from pydantic import ValidationError
from tests.report.sample import document, when


def test_documents_that_differ_in_time_only_are_equal_without_it() -> None:
    other = when().model_copy(update={"finished": "2027-01-01T00:00:00+00:00", "cores": 64})
    changed = document().model_copy(update={"when": other})
    assert changed != document()
    texts = [made.model_copy(update={"when": None}).to_json() for made in (changed, document())]
    assert texts[0] == texts[1]


def test_negative_number_of_cores_is_refused() -> None:
    with pytest.raises(ValidationError, match="cores"):
        type(when()).model_validate({**when().model_dump(), "cores": -1})
