"""A mapper for memories with a unit beside each bank: which tensor lies where, and how.

What is multiplied with a vector and lies in the memory from the start goes to the banks: trained
parameters, and keys and values of tokens that came before. All else is done by the host, which
reads its parameters and the inputs from the banks, too. Each rule of the placement can be switched
off, to see what it is worth.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

from netwright.arch import Architecture, Dram, with_channels
from netwright.arch.settings import MOST_CHANNELS
from netwright.errors import ConfigError, GraphError, Infeasible
from netwright.ir.einsums.einsum import Einsum
from netwright.mapping.bank_columns import columns_of, elements_of, rows_of
from netwright.mapping.binding import able_units, operators_of
from netwright.mapping.caches import growth_of
from netwright.mapping.layout import Layout, Product, Spread, banked, lanes_of, product_of
from netwright.mapping.mapping import Group, Mapping
from netwright.mapping.operation import Operation, is_operation, operation
from netwright.mapping.zeros import not_plain
from netwright.workload import Tensor, Workload

GIB = 1 << 30

MOST_TOKENS = 1 << 40
"""Of a cache."""


@dataclass(frozen=True, slots=True)
class Banks:
    """Rules of the placement.

    Attributes:
        balanced: Vectors are spread over all banks evenly, so that all end together; else a bank
            fills a row before the next one gets a vector.
        packed: Vectors follow each other within a row, so that heads share rows; else each begins
            a row.
        key_rows: The elements of a key lie side by side; else the same element of all keys does.
        value_columns: The same element of all values lies side by side, as they are added up;
            else the elements of a value do.
        chunked: Vectors longer than the buffer are cut into pieces, whose sums the host adds; else
            they are refused.
        parameters: What the host reads lies in the banks, too, and crosses the pins whenever it is
            used; else the host holds it.
        tokens: Tokens for which caches have room; as many as they hold if that is more.

    Raises:
        ConfigError: A rule is neither true nor false, or `tokens` is no number of tokens.
    """

    balanced: bool = True
    packed: bool = True
    key_rows: bool = True
    value_columns: bool = True
    chunked: bool = True
    parameters: bool = True
    tokens: int = 0

    def __post_init__(self) -> None:
        faults = [
            f"{own.name} must be true or false, not {getattr(self, own.name)!r}"
            for own in fields(self)
            if own.name != "tokens" and not isinstance(getattr(self, own.name), bool)
        ]
        if type(self.tokens) is not int or not 0 <= self.tokens <= MOST_TOKENS:
            faults.append(f"tokens must be from 0 to {MOST_TOKENS}, not {self.tokens!r}")
        if faults:
            raise ConfigError(faults)

    def __call__(self, workload: Workload, architecture: Architecture) -> Mapping:
        """Place every tensor that belongs into the banks; see :func:`place`."""
        return place(workload, architecture, self)


def place(workload: Workload, architecture: Architecture, rules: Banks | None = None) -> Mapping:
    """A mapping with a layout for every tensor that lies in banks, one after the other.

    Args:
        workload: The network.
        architecture: A machine whose memory has a unit beside each bank.
        rules: Rules of the placement; all of them if not given.

    Raises:
        ConfigError: The machine has no such memory, nothing does an operator, or an operand of a
            product has scales that elements share or zeros that are not stored, for which columns
            have no place.
        Infeasible: The tensors do not fit; with the size that would do.
    """
    rules = rules or Banks()
    memory = banked(architecture)
    if memory is None or memory.dram is None:
        raise ConfigError(f'architecture "{architecture.name}" has no unit beside its banks',
                          hint="name one in the section dram of a memory")  # fmt: skip
    dram = memory.dram
    _check_plain(workload)
    layouts, bindings, row = _placed(workload, architecture, memory.name, dram, rules)
    if row > dram.rows:
        needed = row * dram.channels * dram.banks * dram.row_bytes
        channels = _channels_that_do(workload, architecture, rules, row)
        more = f", or {channels} channels" if channels else ""
        raise Infeasible(
            f'the tensors of "{workload.name}" need {row} rows of each bank, and '
            f'"{memory.name}" of {architecture.name} has {dram.rows}: {needed / GIB:.3g} GiB of '
            f"{dram.capacity_bytes / GIB:.3g} GiB",
            smallest=float(needed),
            hint=f"{row} rows would do{more}",
        )
    order = tuple(einsum.name for einsum in workload.einsums)
    groups = tuple(Group(name, (name,)) for name in order)
    return Mapping(
        workload.granularity, order, bindings=bindings, groups=groups,
        layouts=tuple(layouts.values()),
    )  # fmt: skip


def _check_plain(workload: Workload) -> None:
    """Refuse operands of products that are not their elements alone."""
    products = (matrix_of(workload, einsum) for einsum in workload.einsums)
    operands = (own for found in products if found is not None for own in found.operands[::-1])
    for tensor in operands:
        if reason := not_plain(tensor):
            raise ConfigError(
                f'"{tensor.name}" of "{workload.name}" {reason}, and columns of banks hold '
                "elements alone, all of them",
                hint="take a format without shared scales, such as bfloat16, int8 or int4, and no "
                "pattern",
            )


def _placed(
    workload: Workload, architecture: Architecture, memory: str, dram: Dram, rules: Banks
) -> tuple[dict[str, Layout], dict[str, str], int]:
    """Layouts by tensor, units by Einsum, and rows of each bank that are taken."""
    layouts: dict[str, Layout] = {}
    bindings: dict[str, str] = {}
    row = 0
    for einsum in workload.einsums:
        found = matrix_of(workload, einsum)
        if found is None:
            unit = _host(einsum, architecture, dram)
            if unit:
                bindings[einsum.name] = unit
            continue
        tensor = found.tensors[found.of("weight")]
        bindings[einsum.name] = dram.unit
        if tensor.name in layouts:
            continue
        product = product_of(found)
        made = _layout(workload, architecture, dram, rules, found, product)
        rows = rows_of(made, product, dram, tensor.bits)
        layouts[tensor.name] = replace(made, memory=memory, first_row=row, num_rows=rows)
        row += rows
    for tensor in _read_by_host(workload, bindings, dram) if rules.parameters else ():
        if tensor.name not in layouts:
            layouts[tensor.name] = _stored(tensor, memory, row, dram)
            row += layouts[tensor.name].num_rows
    return layouts, bindings, row


def _channels_that_do(
    workload: Workload, architecture: Architecture, rules: Banks, row: int
) -> int:
    """The fewest channels in which all tensors fit; 0 if that cannot be said."""
    memory = banked(architecture)
    assert memory is not None
    assert memory.dram is not None
    least = -(-row * memory.dram.channels // memory.dram.rows)
    for channels in range(least, min(2 * least, MOST_CHANNELS) + 1):
        try:
            wider = with_channels(architecture, channels)
        except ConfigError:
            return 0
        own = banked(wider)
        assert own is not None
        assert own.dram is not None
        if _placed(workload, wider, own.name, own.dram, rules)[2] <= own.dram.rows:
            return channels
    return 0


def matrix_of(workload: Workload, einsum: Einsum) -> Operation | None:
    """A product whose second operand lies in the memory from the start, as banks can do it."""
    if not is_operation(einsum):
        return None
    try:
        wanted = operation(workload, einsum)
        product_of(wanted)
    except GraphError:
        return None
    return wanted if wanted.tensors[wanted.of("weight")].is_external else None


def _host(einsum: Einsum, architecture: Architecture, dram: Dram) -> str:
    """The unit of the host that does an Einsum."""
    if not operators_of(einsum):
        return ""
    able = [unit.name for unit in able_units(einsum, architecture) if unit.name != dram.unit]
    return able[0] if able else ""


def _read_by_host(workload: Workload, bindings: dict[str, str], dram: Dram) -> Iterator[Tensor]:
    """External tensors that Einsums of the host read, in order."""
    for einsum in workload.einsums:
        if bindings.get(einsum.name) != dram.unit:
            yield from (own for name in einsum.reads if (own := workload.by_name[name]).is_external)


def _stored(tensor: Tensor, memory: str, row: int, dram: Dram) -> Layout:
    """A tensor that no unit multiplies: column after column, the same share in each channel."""
    elements = elements_of(dram, tensor.bits)
    columns = -(-tensor.num_bytes // (dram.access_bytes * dram.channels))
    per_bank = max(-(-columns // dram.banks), min(columns, dram.columns))
    return Layout(
        tensor.name, memory, row, -(-per_bank // dram.columns), 1, per_bank, dram.channels,
        "channels", elements, dealt=False, length=elements,
    )  # fmt: skip


def _layout(
    workload: Workload, architecture: Architecture, dram: Dram, rules: Banks, wanted: Operation,
    product: Product,
) -> Layout:  # fmt: skip
    tensor = wanted.tensors[wanted.of("weight")]
    elements = elements_of(dram, tensor.bits)
    growth = growth_of(workload, wanted)
    outputs = max(product.outputs, rules.tokens if growth == "outputs" else 0)
    length = max(product.length, rules.tokens if growth == "length" else 0)
    held = buffer_elements(architecture, dram, tensor.bits) or length
    if length > held and not rules.chunked:
        raise Infeasible(
            f'"{wanted.name}" adds up {length} elements, and "{dram.buffer}" holds {held}',
            smallest=float(length * tensor.bits // 8),
            hint="cut vectors into pieces (chunked), or take a larger buffer",
        )
    summed = not growth or (rules.value_columns if growth == "length" else rules.key_rows)
    shared = held // (-(-length // elements) * elements)
    both: list[Layout] = []
    for spread in ("banks", "channels"):
        room = replace(product, outputs=outputs, length=length)
        groups, per_bank, channels = _spread(spread, room, dram, rules, elements)
        both.append(
            Layout(
                tensor.name, "", 0, 0, groups, per_bank, channels, spread, min(length, held),
                rules.packed, summed, rules.balanced, length, min(max(shared, 1), groups),
            )
        )  # fmt: skip
    return min(both, key=lambda found: columns_of(found, product, dram, tensor.bits))


def buffer_elements(architecture: Architecture, dram: Dram, bits: int) -> int:
    """Elements that the buffer of a channel holds, in whole columns; 0 without a limit."""
    buffer, elements = architecture.memory(dram.buffer), elements_of(dram, bits)
    if buffer is None or buffer.capacity is None:
        return 0
    return max(int(buffer.capacity.value) * 8 // bits // elements * elements, elements)


def _spread(
    spread: Spread, product: Product, dram: Dram, rules: Banks, elements: int
) -> tuple[int, int, int]:
    """Groups of a channel, vectors of each that a bank has, and channels that have some."""
    least = 1 if rules.balanced else max(dram.columns * elements // product.length, 1)
    if spread == "channels":
        groups = -(-product.groups // dram.channels)
        per_bank = max(-(-product.outputs // dram.banks), least)
        return groups, per_bank, -(-product.groups // groups)
    per_bank = max(-(-product.outputs // (dram.channels * dram.banks)), least)
    return product.groups, per_bank, -(-product.outputs // (per_bank * dram.banks))


def steps_of(architecture: Architecture, dram: Dram, bits: int) -> Iterator[int]:
    """Elements of a column that the unit of a bank takes in each step, until it is through."""
    elements, lanes = elements_of(dram, bits), lanes_of(architecture, dram)
    for start in range(0, elements, lanes):
        yield min(lanes, elements - start)
