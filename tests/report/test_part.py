import pytest
from pydantic import ValidationError

from netwright.report.part import Count, Part, Share


class Slice(Part):
    share: Share
    pieces: Count


def test_part_is_frozen_and_knows_its_fields():
    part = Slice(share=0.5, pieces=3)
    with pytest.raises(ValidationError, match="frozen"):
        part.pieces = 4
    with pytest.raises(ValidationError, match="Extra inputs"):
        Slice(share=0.5, pieces=3, size=1)


@pytest.mark.parametrize("share", [-0.1, 1.1, float("nan"), float("inf")])
def test_share_must_lie_in_its_range(share):
    with pytest.raises(ValidationError):
        Slice(share=share, pieces=3)
