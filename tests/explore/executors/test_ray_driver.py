from __future__ import annotations

import socket

import pytest

from netwright.explore.executors.ray_driver import answers, place_of


@pytest.mark.parametrize(
    ("address", "place"),
    [
        ("10.0.0.1:6379", ("10.0.0.1", 6379)),
        ("ray://head:10001", ("head", 10001)),
        ("[::1]:6379", ("::1", 6379)),
        ("head", None),
        ("head:0", None),
        ("head:65536", None),
        ("he ad:1", None),
        ("head:²", None),
    ],
)
def test_the_place_of_an_address(address, place):
    assert place_of(address) == place


def test_a_place_answers_while_somebody_listens():
    with socket.socket() as own:
        own.bind(("127.0.0.1", 0))
        own.listen()
        assert answers(own.getsockname())
        place = own.getsockname()
    assert not answers(place)
