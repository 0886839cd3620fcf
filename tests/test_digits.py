import pytest

from netwright.digits import is_plain_number


@pytest.mark.parametrize("text", ["12", "-3", "+4", "1e-3", "0.5"])
def test_digits_signs_and_exponents_are_plain(text: str) -> None:
    assert is_plain_number(text)


@pytest.mark.parametrize("text", ["1_2", "1_000.5", "\u0661\u0662", "\uff11", "-\u0663"])
def test_other_scripts_and_underscores_are_not(text: str) -> None:
    assert float(text)
    assert not is_plain_number(text)
