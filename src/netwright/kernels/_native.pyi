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

class RegionPool:
    kept_bytes: int
    def __init__(self, limit_bytes: int) -> None: ...
    def clear(self) -> None: ...

def spgemm(
    left_offsets: NDArray[Any],
    left_columns: NDArray[Any],
    left_values: NDArray[Any],
    right_offsets: NDArray[Any],
    right_columns: NDArray[Any],
    right_values: NDArray[Any],
    num_columns: int,
    semiring: str,
    accumulator: str,
    sorted: bool,
    cache_bytes: int,
    memory_bytes: int,
    offsets: NDArray[Any],
    pool: RegionPool | None,
    num_threads: int,
    isa: str,
) -> tuple[Any, Any, Any]: ...
def shared_table_product(
    left_offsets: NDArray[Any],
    left_columns: NDArray[Any],
    left_values: NDArray[Any],
    right_offsets: NDArray[Any],
    right_columns: NDArray[Any],
    right_values: NDArray[Any],
    num_columns: int,
    high_bits: bool,
    dynamic: bool,
    split: bool,
    slots: int,
    offsets: NDArray[Any],
    num_threads: int,
) -> tuple[Any, Any, int, int]: ...
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
def bank_product(
    x: NDArray[Any],
    w: NDArray[Any],
    out: NDArray[Any],
    lanes: int,
    piece: int,
    half_sums: bool,
    num_threads: int,
    isa: str,
) -> None: ...
