from __future__ import annotations

from netwright.formats import FLOAT, Blocks, Format, Int, OutlierPairs


def test_a_format_is_real_valued_unless_something_else_is_said() -> None:
    assert Format() == Format(FLOAT, (1.0,), None, None)
    assert Format().bits == 32


def test_a_format_is_one_value_that_tells_all_its_parts_apart() -> None:
    plain = Format(Int(8), (1,))
    assert plain == Format(Int(8))
    assert plain.bits == 8
    assert plain != Format(Int(8), (0.5,))
    assert plain != Format(Int(8), pattern=Blocks(4))
    assert hash(plain) == hash(Format(Int(8), scale=[1.0]))


def test_a_group_axis_means_nothing_where_each_element_has_a_code() -> None:
    assert Format(Int(8), group_axis=0) == Format(Int(8))
    assert Format(OutlierPairs(), group_axis=0) != Format(OutlierPairs())
