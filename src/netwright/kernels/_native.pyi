from typing import Any

from numpy.typing import NDArray

class PackedWeights:
    def __init__(
        self,
        block_rows: int,
        columns: int,
        offsets: NDArray[Any],
        indices: NDArray[Any],
        values: NDArray[Any],
    ) -> None: ...

def supported_isas() -> list[str]: ...
def preferred_isa() -> str: ...
def vnni_products(count: int) -> int: ...
def spmm(
    packed: PackedWeights,
    activation: NDArray[Any],
    out: NDArray[Any],
    bias: NDArray[Any] | None,
    scale: NDArray[Any] | None,
    relu: bool,
    zero_point: int,
    isa: str,
    num_threads: int,
) -> None: ...
