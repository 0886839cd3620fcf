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

class Product:
    def __init__(
        self,
        packed: PackedWeights,
        bias: NDArray[Any],
        scale: NDArray[Any],
        relu: bool,
        residual: bool,
        gelu: bool,
        multiplier: float,
        zero_point: int,
        format: str,
        bounded: bool,
        table: NDArray[Any],
        isa: str,
    ) -> None: ...
    def run(
        self,
        activation: NDArray[Any],
        out: NDArray[Any],
        residual: NDArray[Any] | None,
        statistics: NDArray[Any] | None,
        num_threads: int,
    ) -> None: ...

def supported_isas() -> list[str]: ...
def preferred_isa() -> str: ...
def vnni_products(count: int) -> int: ...
