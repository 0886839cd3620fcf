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

class CodedWeights:
    def __init__(
        self,
        rows: int,
        inputs: int,
        codes: NDArray[Any],
        tables: NDArray[Any] | None,
        group: int,
        format: str,
        scales: NDArray[Any] | None,
    ) -> None: ...
    def run(
        self,
        codes: NDArray[Any],
        tables: NDArray[Any] | None,
        scales: NDArray[Any] | None,
        format: str,
        multiplier: float,
        out: NDArray[Any],
        num_threads: int,
        isa: str,
    ) -> None: ...

class NMWeights:
    def __init__(
        self,
        inputs: int,
        kept: int,
        group: int,
        values: NDArray[Any],
        places: NDArray[Any],
    ) -> None: ...
    def run(
        self, activation: NDArray[Any], out: NDArray[Any], num_threads: int, isa: str
    ) -> None: ...

def supported_isas() -> list[str]: ...
def preferred_isa() -> str: ...
def vnni_products(count: int) -> int: ...
def embed(
    ids: NDArray[Any],
    positions: NDArray[Any],
    words: NDArray[Any],
    places: NDArray[Any],
    out: NDArray[Any],
    num_threads: int,
    isa: str,
) -> None: ...
def normalize(
    values: NDArray[Any],
    gain: NDArray[Any],
    offset: NDArray[Any],
    epsilon: float,
    multiplier: float,
    zero_point: int,
    codes: NDArray[Any],
    num_threads: int,
    isa: str,
) -> None: ...
def attend(
    codes: NDArray[Any],
    offsets: NDArray[Any],
    heads: int,
    slope: float,
    ratio: float,
    zero_point: int,
    out: NDArray[Any],
    num_threads: int,
    isa: str,
) -> None: ...
def nm_mask(
    values: NDArray[Any],
    mask: NDArray[Any],
    kept: int,
    group: int,
    num_threads: int,
    isa: str,
) -> None: ...
