from __future__ import annotations

from dataclasses import FrozenInstanceError

import pytest

from netwright.quantities import Quantity


@pytest.mark.parametrize(
    ("quantity", "text"),
    [
        (Quantity(0.75, "", "s", "measured"), "0.75"),
        (Quantity(124448, "BOPs", "s", "modelled"), "124448 BOPs"),
        (Quantity(33.9, "", "s", "measured", 1.71234), "33.9 ± 1.71"),
        (Quantity(4.25, "pJ", "Author 2023, table 3", "published", 0.5), "4.25 ± 0.5 pJ"),
    ],
)
def test_text_has_deviation_and_unit(quantity, text):
    assert str(quantity) == text


def test_dictionary_rebuilds_the_quantity():
    quantity = Quantity(4.25, "pJ", "Author 2023, table 3", "published", 0.5)
    assert Quantity(**quantity.to_dict()) == quantity


def test_quantity_cannot_be_changed():
    with pytest.raises(FrozenInstanceError):
        Quantity(1.0, "", "s", "assumed").value = 2.0
