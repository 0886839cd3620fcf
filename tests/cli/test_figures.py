import pytest
import typer

from netwright.cli.figures import real, whole
from tests.cli.conftest import Netwright


def test_numbers_in_plain_digits_are_read() -> None:
    assert (whole()("12"), whole(least=1)("1"), whole(most=3)("-3")) == (12, 1, -3)
    assert (real()("2.5e-1"), real(least=0.0)("0"), real()("7")) == (0.25, 0.0, 7.0)


@pytest.mark.parametrize("text", ["1_0", "\u0663", "\uff11", "abc", "", "1.5", "9" * 5000])
def test_other_text_is_no_whole_number(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="must be a whole number in plain digits, not"):
        whole()(text)


@pytest.mark.parametrize("text", ["1_0", "\u0663", "abc", "nan", "-1", "1e400"])
def test_other_text_is_no_number_within_bounds(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"a number of 0\.5 or more in plain digits"):
        real(least=0.5)(text)


def test_bounds_are_named() -> None:
    with pytest.raises(typer.BadParameter, match=r'a whole number from 1 to 64 in .*, not "65"'):
        whole(least=1, most=64)("65")
    with pytest.raises(typer.BadParameter, match=r'a whole number of 64 or less in .*, not "65"'):
        whole(most=64)("65")
    with pytest.raises(typer.BadParameter, match=r"a number from 1 to 2\.5 in .*, not"):
        real(least=1, most=2.5)("2.6")


@pytest.mark.parametrize(
    "arguments",
    [
        ("convert", "m.onnx", "--out", "o", "--random-rows"),
        ("convert", "m.onnx", "--out", "o", "--clock-mhz"),
        ("convert", "m.onnx", "--out", "o", "--adders-per-stage"),
        ("convert", "m.onnx", "--out", "o", "--bops"),
        ("data", "jets", "--num-jets"),
        ("data", "jets", "--seed"),
        ("data", "jets", "--workers"),
        ("map", "resnet18", "--time-limit-s"),
        ("map", "resnet18", "--batch"),
        ("estimate", "resnet18", "--time-limit-s"),
        ("estimate", "resnet18", "--bits"),
    ],
)
@pytest.mark.parametrize("text", ["1_0", "\u0663"])
def test_every_number_among_the_options_is_plain(
    netwright: Netwright, arguments: tuple[str, ...], text: str
) -> None:
    code, _, err = netwright(*arguments, text)
    assert code == 2
    assert f"'{arguments[-1]}': must be a " in err
    assert f'in plain digits, not "{text}"' in err
