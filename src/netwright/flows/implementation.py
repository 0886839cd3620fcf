"""Verilog proven, mapped to cells, placed and routed: everything a report shows of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from netwright.errors import DoesNotFit, VerificationError
from netwright.progress import Progress, silent
from netwright.quantities import Quantity
from netwright.report import (
    CellCounts,
    DepthPoint,
    FloorPlan,
    Hardware,
    HardwareLayer,
    LayerProof,
    Routing,
    Utilization,
)

if TYPE_CHECKING:
    from netwright.backends.rtl import RtlDesign
    from netwright.backends.rtl.cells.circuit import Layer
    from netwright.backends.rtl.implement.floorplan import FloorPlan as Placed
    from netwright.backends.rtl.implement.placement import Routing as Routed
    from netwright.backends.rtl.implement.synthesis import CellCount
    from netwright.backends.rtl.proof.adder_proof import Proof
    from netwright.backends.rtl.proof.formal import ElementProof

TIMEOUT_S = 24 * 3600.0
"""Time every program gets: a person who waits longer interrupts it."""

DEPTH_ROWS = 2000
"""Random rows on which a design of another depth is simulated."""


def implement(
    design: RtlDesign,
    *,
    compare_parts: tuple[str, ...] = (),
    route: bool = False,
    speed_grade: int | None = None,
    depths: Sequence[int] = (),
    progress: Progress = silent,
) -> Hardware:
    """Prove the layers, count the cells, and place and route if `route` says so.

    A proof that fails and a part that is too small are written down, not raised. What a program
    has finished is kept in the design's build folder and not done again.

    Args:
        design: The design.
        compare_parts: Parts beside the design's own for which cells are counted, of Verilog of
            their own where tables are summed in another way there.
        route: Whether to place and route.
        speed_grade: Speed grade of the part; the slowest if ``None``.
        depths: Adders in series between two registers with which it is placed and routed besides.
        progress: Told of every step, and of how far the programs are in it.

    Raises:
        CorruptOutput: A generated file is missing.
        MissingExtra: pyosys or nextpnr is not installed.
        ToolFailed: One ended with an error; the logs are in the design's build folder.
        BackendError: A report cannot be read, or the part has no open place and route.
        VerificationError: The Verilog for another part is not what it should be.
    """
    own = design.options.part
    counts_adders = design.options.latency_cycles is None
    own_depth = design.options.adders_per_stage if counts_adders else None
    parts = tuple(dict.fromkeys((own, *compare_parts)))
    others = sorted({*depths, *([own_depth] if own_depth else [])}) if depths and route else []
    total = 3 + len(parts) + route + len(others)

    def step(done: int, name: str) -> Progress:
        progress(done, total, name)
        return lambda inner, of, text: progress(
            done, total, f"{name}: {inner:g} of {of:g}" if of else f"{name}: {text}"
        )

    step(0, "proving the products")
    proves_products = design.num_products and not design.is_loadable
    proofs = [layer_proof(proof) for proof in design.prove()] if proves_products else []
    told = step(1, "proving the roundings and limits")
    if design.proves_elements:
        elements = design.prove_elements(timeout_s=TIMEOUT_S, progress=told)
        proofs += element_proofs(elements)
    if design.is_loadable or not design.proves_elements:
        proofs.append(simulated_only(design))
    cells = []
    for done, part in enumerate(parts, start=2):
        told = step(done, f"mapping to {part}")
        mapped = on_part(design, part)
        cells.append(cell_counts(part, mapped.measure(timeout_s=TIMEOUT_S, progress=told)))
    told = step(2 + len(parts), "counting the cells of every layer")
    by_layer = design.measure_layers(timeout_s=TIMEOUT_S, progress=told).layers
    routing, misfit, points, tried = None, None, [], ""
    if route:
        told = step(3 + len(parts), f"placing and routing on {own}")
        try:
            routed = design.route(speed_grade=speed_grade, timeout_s=TIMEOUT_S, progress=told)
            routing = routing_row(own, routed, [layer.name for layer in design.circuit.layers])
            for done, depth in enumerate(others, start=4 + len(parts)):
                tried = f"with {depth} adders a stage: "
                told = step(done, f"placing and routing with {depth} adders a stage")
                points.append(depth_point(design, depth, speed_grade=speed_grade, progress=told))
        except DoesNotFit as error:
            misfit = tried + (f"{error.message}; {error.hint}" if error.hint else error.message)
    progress(total, total, "")
    return Hardware(
        part=own,
        latency_cycles=design.latency_cycles,
        layers=tuple(
            layer_row(layer, cell_counts(own, by_layer[layer.name]))
            for layer in design.circuit.layers
        ),
        cells=tuple(cells),
        proofs=tuple(proofs),
        routing=routing,
        misfit=misfit,
        depths=tuple(points),
    )


def on_part(design: RtlDesign, part: str) -> RtlDesign:
    """The design for another part: the same Verilog unless its tables are summed otherwise there.

    Args:
        design: A design; Verilog of another part goes beside it, proven and simulated.
        part: Name of the part.

    Raises:
        VerificationError: It is not what it should be.
    """
    from netwright.backends import RtlBackend
    from netwright.verify import bit_exact, random

    options = replace(design.options, part=part)
    if options.chains_tables == design.options.chains_tables:
        return replace(design, options=options)
    folder = design.root.with_name(f"{design.root.name}-{part}")
    other = RtlBackend.of(options).generate(design.graph, folder)
    result = bit_exact(design.graph, other, random(design.graph, rows=DEPTH_ROWS))
    proven = all(proof.holds for proof in other.prove())
    if result.identical != result.rows or not proven:
        raise VerificationError(f"the Verilog in {folder} is not what the graph says: {result}")
    return other


def depth_point(
    design: RtlDesign, depth: int, *, speed_grade: int | None, progress: Progress = silent
) -> DepthPoint:
    """The network with so many adders a stage, simulated, mapped, placed and routed.

    Args:
        design: A design of the network; those of other depths lie beside it.
        depth: Adders in series between two registers.
        speed_grade: Speed grade of the part; the slowest if ``None``.
        progress: Told what the programs do.
    """
    from netwright.backends import RtlBackend
    from netwright.verify import bit_exact, random

    options = replace(design.options, adders_per_stage=depth, latency_cycles=None)
    if options != design.options:
        backend = RtlBackend.of(options)
        folder = design.root.with_name(f"{design.root.name}-{depth}")
        design = backend.generate(design.graph, folder)
    result = bit_exact(design.graph, design, random(design.graph, rows=DEPTH_ROWS))
    mapped = design.measure(timeout_s=TIMEOUT_S, progress=progress)
    routed = design.route(speed_grade=speed_grade, timeout_s=TIMEOUT_S, progress=progress)
    part = design.options.part
    return DepthPoint(
        adders_per_stage=depth,
        latency_cycles=design.latency_cycles,
        num_rows=result.rows,
        num_identical=result.identical,
        cells=cell_counts(part, mapped),
        routing=routing_row(part, routed),
    )


def cell_counts(part: str, count: CellCount) -> CellCounts:
    """Counts of a design or a layer, for the report."""
    return CellCounts(part=part, lut=count.lut, carry=count.carry, ff=count.ff)


def layer_proof(proof: Proof) -> LayerProof:
    """The proof of one layer's products as a row of the report."""
    return LayerProof(
        layer=proof.layer,
        method="coefficients",
        what="products equal the matrix, no width overflows",
        num_proven=proof.products if proof.holds else 0,
        counter_example=None if proof.holds else str(proof.counter_examples[0]),
    )


def element_proofs(proofs: Sequence[ElementProof]) -> list[LayerProof]:
    """The proofs of what follows the products as rows of the report, one a node."""
    nodes: dict[str, list[ElementProof]] = {}
    for proof in proofs:
        nodes.setdefault(proof.node, []).append(proof)
    rows = []
    for node, found in nodes.items():
        verdicts = [proof.verdict for proof in found]
        refuted = [proof.counter_example for proof in found if proof.counter_example is not None]
        rows.append(
            LayerProof(
                layer=node,
                method="SAT solver",
                what="roundings, limits, sums and poolings equal their definition",
                num_proven=verdicts.count("proven"),
                num_open=verdicts.count("undecided"),
                counter_example=str(refuted[0]) if refuted else None,
            )
        )
    return rows


def simulated_only(design: RtlDesign) -> LayerProof:
    """The row of what a design simulates and does not prove: all of it, or loaded weights."""
    elements = sum(port.num_elements for port in design.circuit.outputs)
    if design.options.shared is not None:
        what, num_open = "one accelerator for all layers", elements
    elif not design.is_loadable:
        what, num_open = "wires from inputs to outputs", elements
    elif design.proves_elements:
        what, num_open = "products whose weights are loaded", max(design.num_products, 1)
    else:
        what, num_open = "whatever the weights make of it", elements
    return LayerProof(
        layer=design.circuit.name,
        method="simulation only",
        what=what,
        num_proven=0,
        num_open=num_open,
    )


def routing_row(part: str, routed: Routed, layers: Sequence[str] | None = None) -> Routing:
    """What place and route found, for the report.

    Args:
        part: The part.
        routed: What was found.
        layers: Names of the modules, for a floor plan; without them there is none.
    """
    path = routed.critical_path
    return Routing(
        part=part,
        clock=Quantity(routed.clock_mhz, "MHz", "setting of the flow", "assumed"),
        fmax=routed.fmax,
        latency=routed.latency,
        logic=path.logic,
        wiring=path.routing,
        critical_path=f"{path.start} → {path.end}",
        utilization=tuple(
            Utilization(cell=cell, used=usage.used, available=usage.available)
            for cell, usage in routed.usage.items()
            if usage.used
        ),
        floor_plan=None if layers is None else floor_plan(routed.floor_plan, layers),
    )


def floor_plan(plan: Placed, layers: Sequence[str]) -> FloorPlan:
    """Where the cells are, for the report; `layers` are the names of the modules in order."""
    names = (*layers, "")
    places = {name: place for place, name in enumerate(names)}
    return FloorPlan(
        columns=plan.columns,
        rows=plan.rows,
        layers=names,
        tiles=tuple(
            (tile.x, tile.y, places.get(tile.layer, len(layers)), tile.num_cells)
            for tile in plan.tiles
        ),
    )


def layer_row(layer: Layer, cells: CellCounts) -> HardwareLayer:
    """A module of a design as a row of the report."""
    first = min((bundle.stage for bundle in layer.inputs), default=0)
    return HardwareLayer(
        name=layer.name,
        nodes=layer.nodes,
        first_stage=first,
        last_stage=max((bundle.stage for bundle in layer.outputs), default=first),
        num_inputs=sum(len(bundle.wires) for bundle in layer.inputs),
        input_bits=sum(bundle.bits for bundle in layer.inputs),
        num_outputs=sum(len(bundle.wires) for bundle in layer.outputs),
        output_bits=sum(bundle.bits for bundle in layer.outputs),
        num_adders=layer.num_adders,
        cells=cells,
    )
