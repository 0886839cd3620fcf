"""A document like one of a full run; the figures are invented for the tests."""

from __future__ import annotations

import numpy as np

from netwright.quantities import Fidelity, Quantity
from netwright.report import (
    AccuracyRow,
    CellCounts,
    CertificateRow,
    ClaimRow,
    Confusion,
    DataInput,
    DataSection,
    DepthPoint,
    DesignPoint,
    Document,
    Fact,
    FloorPlan,
    FrontPoint,
    Hardware,
    HardwareLayer,
    LayerProof,
    PlanRow,
    Rewrite,
    RocCurve,
    Routing,
    SensitivityRow,
    Spread,
    TrainingCurve,
    Utilization,
    When,
)

TEST_SET = "test split of the sample, 20 000 jets, 3 seeds"
LAYERS = (("fc1", (16, 64)), ("fc2", (64, 32)), ("fc3", (32, 32)), ("fc4", (32, 5)))
TRACES = ((33.9, 1.7, 9.1), (17.2, 0.9, 4.4), (10.6, 0.6, 3.0), (10.7, 0.7, 3.9))


def share(value: float, deviation: float | None = 0.002) -> Quantity:
    return Quantity(value, "", TEST_SET, "measured", deviation)


def bops(value: float) -> Quantity:
    return Quantity(value, "", "m n (b_a b_w + b_a + b_w + log2 n), summed over layers", "modelled")


def data() -> DataSection:
    names = ("j_mass_mmdt", "j_multiplicity")
    return DataSection(
        name="jets",
        title="Simulated 13 TeV jets in five classes",
        recipe="100 000 jets by PYTHIA 8.317 and FastJet 3.5, initial-state radiation off",
        synthetic=True,
        license="GPL generators",
        remarks=("Models are selected on the validation split only.",),
        rows={"train": 70_000, "validation": 10_000, "test": 20_000},
        inputs=(
            DataInput(
                name="x",
                shape=(2,),
                codes=False,
                spreads=tuple(
                    Spread(name=name, low=0.0, mean=80.5, deviation=40.25, high=300.0)
                    for name in names
                ),
            ),
        ),
        output_shape=(5,),
        classes=dict.fromkeys(("gluon", "quark", "W", "Z", "top"), 14_000),
        loss="cross-entropy",
        score="accuracy (larger is better)",
        sha256="ab" * 32,
        digest="cd" * 32,
    )


def document() -> Document:
    return Document(
        name="jets-hawq",
        title="Jet tagger, mixed precision, certified",
        data=data(),
        accuracy=(
            accuracy("float", 0.7564, 0.0009, (1, 2, 3)),
            accuracy("network of tables", 0.7441, 0.0031, (1, 2, 3)),
            accuracy("network of tables, in hardware", 0.7472, None, (2,)),
            accuracy("fine-tuned plan", 0.7521, 0.0012, (1, 2, 3)),
            accuracy("integer graph", 0.7521, None, (1,)),
        ),
        roc=tuple(_curve(*item) for item in _AREAS),
        confusion=Confusion(
            stage="integer graph",
            source=TEST_SET,
            labels=("gluon", "quark", "W", "Z", "top"),
            counts=tuple(
                tuple(3000 if row == column else 150 + 90 * column for column in range(5))
                for row in range(5)
            ),
        ),
        training=tuple(
            curve(stage, seed) for stage in ("float", "chosen plan") for seed in (1, 2, 3)
        ),
        sensitivities=tuple(
            SensitivityRow(
                layer=layer,
                trace=Quantity(trace, "", "Hutchinson, 8192 jets", "measured", error),
                num_parameters=shape[0] * shape[1],
                num_probes=200,
                eigenvalue=Quantity(top, "", "power iteration", "measured"),
                perturbations={bits: 40.0 * trace / 4**bits for bits in (4, 6, 8)},
                input_growth={
                    bits: Quantity(trace / 4**bits, "nat", "training split, 8192 jets", "measured")
                    for bits in (4, 6, 8)
                },
            )
            for (layer, shape), (trace, error, top) in zip(LAYERS, TRACES, strict=True)
        ),
        plan=tuple(
            PlanRow(
                layer=layer,
                weight_bits=weight_bits,
                input_bits=input_bits,
                shape=shape,
                num_weights=shape[0] * shape[1],
                bops=bops(cost),
            )
            for (layer, shape), weight_bits, input_bits, cost in zip(
                LAYERS, (6, 4, 3, 5), (16, 5, 4, 4), (58_000, 44_000, 17_000, 5_448), strict=True
            )
        ),
        front=_front(),
        certificate=_certificate(),
        hardware=hardware(),
        tables=hardware(),
        designs=design_points(),
        rewrites=(
            Rewrite(
                node="fc2.requantize",
                text="scale 0.0131 becomes 1759 / 2^17",
                error=Quantity(2.4e-10, "", "exact rational difference", "modelled"),
            ),
            Rewrite(node="softmax", text="removed: argmax of the logits is the same"),
        ),
        facts=(
            Fact(name="part", value="xcu250-figd2104-2L-e"),
            Fact(name="clock", value=Quantity(200e6, "Hz", "setting of the flow", "assumed")),
            Fact(name="reuse factor", value="1"),
            Fact(name="latency", value=Quantity(9, "cycles", "scheduler's model", "modelled")),
        ),
        claims=(
            ClaimRow(
                id="bops-fp32",
                text="The float tagger costs 4 652 832 BOPs.",
                published=Quantity(4_652_832, "BOPs", "authors' code", "published"),
                ours=Quantity(4_652_832, "BOPs", "compress.bops", "modelled"),
                verdict="reproduced",
                why="equal",
            ),
            ClaimRow(
                id="lut",
                text="Mixed precision saves lookup tables.",
                published=None,
                ours=None,
                verdict="not-attempted",
                why="needs a synthesis tool",
            ),
        ),
        settings='schema_version = 1\nname = "jets-hawq"\n\n[train]\nepochs = 40\n',
        when=when(),
        digests={"graph.npz": "9f86d081884c7d659a2feaa0c55ad015" * 2, "model.onnx": "60303ae2" * 8},
        assumptions=(
            "BOPs count multiplications and additions of dense layers; activations are free.",
            "Initial-state radiation is off, which makes the task as hard as the public set.",
        ),
    )


def when() -> When:
    return When(
        started="2026-01-02T03:04:05+00:00",
        finished="2026-01-02T03:14:15+00:00",
        machine="A processor of the sample",
        system="Linux 6.1 x86_64",
        cores=2,
        commit="0123456789abcdef0123456789abcdef01234567",
        seconds={"train": 61.2, "verify": 12.5},
        versions={"netwright": "0.1.0", "python": "3.11.7", "torch": "2.13.0", "hls4ml": "1.3.0"},
    )


def accuracy(
    stage: str, value: float, deviation: float | None, seeds: tuple[int, ...]
) -> AccuracyRow:
    return AccuracyRow(stage=stage, accuracy=share(value, deviation), seeds=seeds, num_rows=20_000)


def curve(stage: str, seed: int) -> TrainingCurve:
    """A made-up training of ten epochs."""
    start = 1.6 if stage == "float" else 0.9
    return TrainingCurve(
        stage=stage,
        seed=seed,
        losses=tuple(0.7 + (start - 0.7) * 0.6**epoch + 0.01 * seed for epoch in range(10)),
        accuracies=tuple(0.757 - 0.2 * 0.5**epoch - 0.002 * seed for epoch in range(10)),
    )


def modelled(value: float, unit: str, source: str = "a mapper, before placement") -> Quantity:
    return Quantity(value, unit, source, "modelled")


def hardware() -> Hardware:
    stages, luts = (0, 4, 9, 13, 17), (3_100, 5_200, 2_900, 800)
    return Hardware(
        part="ecp5-85k",
        latency_cycles=17,
        layers=tuple(
            HardwareLayer(
                name=f"jets_{name}",
                nodes=(name, f"{name}_requantize"),
                first_stage=stages[index],
                last_stage=stages[index + 1],
                num_inputs=inputs,
                input_bits=5 * inputs,
                num_outputs=outputs,
                output_bits=5 * outputs,
                num_adders=9 * outputs,
                cells=CellCounts(
                    part="ecp5-85k",
                    lut=modelled(luts[index] // 10, "LUT", "a mapper, layer by layer"),
                    carry=modelled(luts[index], "CCU2C", "a mapper, layer by layer"),
                    ff=modelled(9, "FF", "a mapper, layer by layer"),
                ),
            )
            for index, (name, (inputs, outputs)) in enumerate(LAYERS)
        ),
        cells=(
            CellCounts(
                part="ecp5-85k",
                lut=modelled(1_002, "LUT"),
                carry=modelled(7_255, "CCU2C"),
                ff=modelled(10_585, "FF"),
            ),
        ),
        proofs=(
            LayerProof(layer="jets_fc1", method="coefficients", what="products", num_proven=64),
            LayerProof(layer="jets_fc2", method="coefficients", what="products", num_proven=32),
        ),
        routing=Routing(
            part="ecp5-85k",
            clock=modelled(100.0, "MHz", "setting of the flow"),
            fmax=modelled(61.3, "MHz", "a router"),
            latency=modelled(18_000 / 61.3, "ns", "a router"),
            logic=modelled(6.1, "ns", "a router"),
            wiring=modelled(10.2, "ns", "a router"),
            critical_path="jets_fc2.sum_3 → jets_fc2.sum_3__6",
            utilization=(
                Utilization(cell="TRELLIS_COMB", used=21_700, available=83_640),
                Utilization(cell="TRELLIS_FF", used=10_585, available=83_640),
                Utilization(cell="MULT18X18D", used=0, available=156),
            ),
            floor_plan=FloorPlan(
                columns=127,
                rows=96,
                layers=("jets_fc1", "jets_fc2", ""),
                tiles=tuple(
                    (column, row, (column > 40) + (column > 70), 16 - abs(column - row) % 9)
                    for row in range(20, 60)
                    for column in range(10, 80)
                ),
            ),
        ),
        depths=tuple(depth(adders) for adders in (1, 2, 4)),
    )


def depth(adders: int) -> DepthPoint:
    """A made-up design with so many adders a stage."""
    stages, period = 24 // adders + 3, 4.0 + 3.1 * adders
    return DepthPoint(
        adders_per_stage=adders,
        latency_cycles=stages,
        num_rows=2_000,
        num_identical=2_000,
        cells=CellCounts(
            part="ecp5-85k",
            lut=modelled(1_002, "LUT"),
            carry=modelled(7_255, "CCU2C"),
            ff=modelled(21_000 // adders, "FF"),
        ),
        routing=Routing(
            part="ecp5-85k",
            clock=modelled(100.0, "MHz", "setting of the flow"),
            fmax=modelled(1000 / period, "MHz", "a router"),
            latency=modelled((stages + 1) * period, "ns", "a router"),
            logic=modelled(0.4 * period, "ns", "a router"),
            wiring=modelled(0.6 * period, "ns", "a router"),
            critical_path="jets_fc2.sum_3 → jets_fc2.sum_3__6",
            utilization=(),
        ),
    )


def design_points() -> tuple[DesignPoint, ...]:
    """Two of our own and three published ones, all made up."""

    def point(name: str, data: str, lut: float, accuracy: float, kind: Fidelity) -> DesignPoint:
        return DesignPoint(
            name=name,
            data=data,
            accuracy=Quantity(accuracy, "", "made up", "measured"),
            lut=Quantity(lut, "LUT", "a mapper", kind),
            latency=Quantity(12.0, "ns", "a router", kind),
            lut_inputs=6 if kind == "published" else 4,
            tools="vendor" if kind == "published" else "open",
        )

    return (
        point("quantized network, ecp5-85k", "jets, as shipped", 15_512, 0.758, "modelled"),
        point("network of tables, ecp5-85k", "jets, as shipped", 3_211, 0.761, "modelled"),
        point("large", "other jets", 63_251, 0.762, "published"),
        point("small", "other jets", 1_232, 0.760, "published"),
        point("older", "jets of a third kind", 37_931, 0.720, "published"),
    )


_AREAS = (("gluon", 0.934), ("quark", 0.902), ("W", 0.932), ("Z", 0.945), ("top", 0.975))


def _curve(label: str, area: float) -> RocCurve:
    power = area / (1 - area)
    false_rate = np.linspace(0, 1, 4001) ** 3
    true_rate = false_rate ** (1 / power)
    return RocCurve.of(label, false_rate.tolist(), true_rate.tolist(), share(area, None))


def _front() -> tuple[FrontPoint, ...]:
    points = [FrontPoint(kind="float", label="float", bops=bops(4_652_832), accuracy=share(0.7564))]
    for bits, cost, accuracy in (
        (3, 78_000, 0.703), (4, 124_448, 0.739), (5, 172_000, 0.748),
        (6, 226_592, 0.7535), (8, 362_784, 0.7555),
    ):  # fmt: skip
        points.append(
            FrontPoint(
                kind="uniform",
                label=f"w{bits}a{bits}",
                bops=bops(cost),
                accuracy=share(accuracy),
                bits=(bits,) * 4,
                input_bits=(bits,) * 4,
                epochs=10,
                num_seeds=1,
            )
        )
    for index, (cost, accuracy, bits) in enumerate(
        (
            (90_000, 0.731, (5, 3, 3, 4)),
            (124_448, 0.7521, (6, 4, 3, 5)),
            (180_000, 0.7542, (7, 5, 4, 6)),
            (250_000, 0.756, (8, 6, 6, 7)),
        )
    ):
        points.append(
            FrontPoint(
                kind="hawq",
                label=f"plan {index + 1}",
                bops=bops(cost),
                accuracy=share(accuracy, 0.0012),
                bits=bits,
                input_bits=(9, *bits[1:]),
                chosen=index == 1,
                epochs=20 if index == 1 else 10,
                num_seeds=3 if index == 1 else 1,
                budget="" if index == 1 else str(cost),
            )
        )
    for cost, accuracy in ((90_000, 0.712), (124_448, 0.741), (180_000, 0.7489)):
        points.append(
            FrontPoint(
                kind="blind",
                label=f"blind {cost}",
                bops=bops(cost),
                accuracy=share(accuracy),
                epochs=10,
                num_seeds=1,
                budget=str(cost),
            )
        )
    rng = np.random.default_rng(7)
    for _ in range(60):
        cost = float(np.exp(rng.uniform(np.log(80_000), np.log(400_000))))
        accuracy = 0.757 - 0.05 * (80_000 / cost) ** 1.7 - abs(rng.normal(0, 0.008))
        points.append(
            FrontPoint(
                kind="sampled",
                label="sample",
                bops=bops(round(cost)),
                accuracy=share(accuracy),
                epochs=10,
                num_seeds=1,
            )
        )
    return tuple(points)


def _certificate() -> tuple[CertificateRow, ...]:
    pairs = (
        ("integer graph", "torch"),
        ("QONNX", "integer graph"),
        ("HLS emulation", "integer graph"),
    )
    stimuli = (("test set", 20_000), ("corners", 512), ("random", 10_000))
    return tuple(
        CertificateRow(
            stage=stage,
            against=against,
            stimuli=name,
            num_rows=500 if stage == "QONNX" else rows,
            num_identical=500 if stage == "QONNX" else rows,
        )
        for stage, against in pairs
        for name, rows in stimuli
    )
