"""Three networks of a user's kind at full size, from torch to hardware, integer for integer.

What is run is the page about networks of one's own, ``docs/own-networks.md``, as it stands: a
residual network on images of 3 x 32 x 32, a network on waveforms of 1 x 128, and a U-Net on images
of 32 x 32 are trained, get their widths from curvature, are trained on, and are compared in QONNX,
in streams of Verilog and in streams of C++.
"""

from __future__ import annotations

import contextlib
import re
import tempfile
import time
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "own-networks.md"


def script() -> str:
    """What a reader of the page types."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), flags=re.DOTALL)
    return "\n".join(blocks)


def main() -> None:
    """Run the page in an empty folder; it prints a line for each network and each way."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        exec(compile(script(), PAGE.name, "exec"), {})
    print(f"{time.monotonic() - started:.0f} s")


if __name__ == "__main__":
    main()
