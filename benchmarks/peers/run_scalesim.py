"""Run SCALE-Sim on matrix products given as JSON and print one JSON line each.

Usage: python run_scalesim.py PRODUCTS.json
"""

import contextlib
import csv
import io
import json
import os
import sys
import tempfile

CONFIG = """[general]
run_name = run
[architecture_presets]
ArrayHeight: {height}
ArrayWidth: {width}
IfmapSramSzkB: 4096
FilterSramSzkB: 4096
OfmapSramSzkB: 4096
IfmapOffset: 0
FilterOffset: 10000000
OfmapOffset: 20000000
Bandwidth: 100
Dataflow: {dataflow}
ReadRequestBuffer: 32
WriteRequestBuffer: 32
[layout]
IfmapCustomLayout: False
IfmapSRAMBankBandwidth: 10
IfmapSRAMBankNum: 10
IfmapSRAMBankPort: 2
FilterCustomLayout: False
FilterSRAMBankBandwidth: 10
FilterSRAMBankNum: 10
FilterSRAMBankPort: 2
[sparsity]
SparsitySupport: false
SparseRep: ellpack_block
OptimizedMapping: false
BlockSize: 8
RandomNumberGeneratorSeed: 40
[run_presets]
InterfaceBandwidth: CALC
UseRamulatorTrace: False
"""


def run(product: dict[str, int], dataflow: str) -> dict[str, float]:
    from scalesim.scale_sim import scalesim

    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        paths = {name: os.path.join(folder, name) for name in ("c.cfg", "t.csv", "l.csv")}
        with open(paths["c.cfg"], "w") as file:
            file.write(CONFIG.format(dataflow=dataflow, **product["array"]))
        with open(paths["t.csv"], "w") as file:
            file.write("Layer,M,N,K,\n")
            file.write("g,{M},{N},{K},\n".format(**product))
        with open(paths["l.csv"], "w") as file:
            names = [
                f"{t} {n}"
                for t in ("IFMAP", "FILTER")
                for n in (
                    "H Intraline",
                    "W Intraline",
                    "C Intraline",
                    "H Interline",
                    "W Interline",
                    "C Interline",
                )
            ]
            file.write("Layer," + ",".join(names) + ",\n")
            file.write("g," + ",".join("1" for _ in names) + ",\n")
        tool = scalesim(
            save_disk_space=True,
            verbose=False,
            config=paths["c.cfg"],
            topology=paths["t.csv"],
            layout=paths["l.csv"],
            input_type_gemm=True,
        )
        tool.run_scale(top_path=folder)
        for base, _, files in os.walk(folder):
            if "COMPUTE_REPORT.csv" in files:
                with open(os.path.join(base, "COMPUTE_REPORT.csv")) as file:
                    row = next(csv.DictReader(file, skipinitialspace=True))
                return {"cycles": float(row["Total Cycles"])}
    raise SystemExit("SCALE-Sim wrote no report")


def main(path: str) -> None:
    with open(path) as file:
        products = json.load(file)
    for product in products:
        found = {flow: run(product, flow)["cycles"] for flow in ("ws", "os")}
        sys.stdout.write(json.dumps(found) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main(*sys.argv[1:])
