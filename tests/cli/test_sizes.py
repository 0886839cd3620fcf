from __future__ import annotations

from netwright.cli.sizes import parse_size


def test_sizes():
    sizes = [parse_size(t, option="-s") for t in ("65536", "2MiB", "512 KiB", "1.5MB", "1k", "2gi")]
    assert sizes == [65536, 2 << 20, 512 << 10, 1_500_000, 1000, 2 << 30]
