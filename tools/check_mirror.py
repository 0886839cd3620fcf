"""Require a test file at the mirrored path of every module.

``src/netwright/ir/check.py`` is tested by ``tests/ir/test_check.py``. Packages' ``__init__`` files
only re-export and need no tests of their own. The few other modules without a test file are listed
with the file that tests them instead.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

TESTED_BY: dict[str, str] = {
    "cli/workloads.py": "tests/cli/test_map.py",
    # Every proposer and every executor is tested through the protocol that it follows.
    "explore/executors/base.py": "tests/explore/executors/test_pool.py",
    "explore/executors/here.py": "tests/explore/executors/test_pool.py",
    "explore/objective.py": "tests/explore/executors/test_pool.py",
    "explore/proposers/base.py": "tests/testing/test_proposers.py",
    "explore/proposers/controller.py": "tests/testing/test_proposers.py",
    "explore/proposers/decisions.py": "tests/testing/test_proposers.py",
    "explore/proposers/evolution.py": "tests/testing/test_proposers.py",
    "explore/proposers/memory.py": "tests/testing/test_proposers.py",
    "explore/proposers/policy.py": "tests/testing/test_proposers.py",
    "explore/proposers/sampled.py": "tests/testing/test_proposers.py",
    "explore/proposers/simple.py": "tests/testing/test_proposers.py",
    "report/search_pictures.py": "tests/report/test_search_page.py",
    "explore/space_file.py": "tests/cli/test_explore.py",
    "explore/trial.py": "tests/explore/test_ranking.py",
    # The loop is tested through the one function that everyone calls.
    "train/loop.py": "tests/train/test_fitting.py",
    # The parts of one reader, of one writer and of one pass are tested through its public function.
    "arch/figure.py": "tests/arch/test_nodes.py",
    "cost/events/lower.py": "tests/cost/events/test_count.py",
    "cost/events/outcome.py": "tests/cost/events/test_queue.py",
    "cost/events/stepping.py": "tests/cost/events/test_queue.py",
    "cost/events/table.py": "tests/cost/events/test_queue.py",
    "backends/rtl/arrays/driver.py": "tests/backends/rtl/arrays/test_nm.py",
    "backends/rtl/arrays/nm_streams.py": "tests/backends/rtl/arrays/test_nm.py",
    "backends/rtl/arrays/operands.py": "tests/backends/rtl/arrays/test_nm.py",
    "backends/soc/axi/axi_registers.py": "tests/backends/soc/axi/test_wrapper.py",
    "backends/soc/cores.py": "tests/backends/soc/test_backend.py",
    "backends/soc/simulation.py": "tests/backends/soc/test_design.py",
    "backends/soc/software/chains.py": "tests/backends/soc/software/test_routine.py",
    "backends/soc/software/loops.py": "tests/backends/soc/software/test_routine.py",
    "exchange/onnx/lower_site.py": "tests/exchange/onnx/test_lower_products.py",
    "exchange/qonnx/narrow_convs.py": "tests/exchange/qonnx/test_write.py",
    "exchange/qonnx/read_axes.py": "tests/exchange/test_every_operator.py",
    "exchange/qonnx/read_contrib.py": "tests/exchange/test_every_operator.py",
    "exchange/qonnx/read_many.py": "tests/exchange/test_every_operator.py",
    "exchange/qonnx/read_reductions.py": "tests/exchange/test_every_operator.py",
    "exchange/qonnx/read_truths.py": "tests/exchange/test_every_operator.py",
    "exchange/qonnx/refusals.py": "tests/exchange/test_every_operator.py",
    "exchange/qonnx/rules.py": "tests/exchange/test_every_operator.py",
    "exchange/qonnx/read_pools.py": "tests/exchange/qonnx/test_read_windows.py",
    "exchange/onnx/vocabulary.py": "tests/exchange/qonnx/test_write.py",
    "exchange/onnx/index_inputs.py": "tests/exchange/qonnx/test_read_reals.py",
    "exchange/qonnx/lifted.py": "tests/exchange/qonnx/test_read_reals.py",
    "exchange/qonnx/read_masks.py": "tests/exchange/qonnx/test_read_reals.py",
    "exchange/qonnx/real_reader.py": "tests/exchange/qonnx/test_read_reals.py",
    "ir/ops/attention_parts.py": "tests/testing/test_operators.py",
    "passes/unread.py": "tests/passes/test_fuse_norms.py",
    "exchange/onnx/attributes.py": "tests/exchange/test_read_faults.py",
    "exchange/qonnx/read_linear.py": "tests/exchange/qonnx/test_read.py",
    "exchange/qonnx/read_moves.py": "tests/exchange/qonnx/test_read.py",
    "exchange/qonnx/read_quant.py": "tests/exchange/qonnx/test_read.py",
    "exchange/qonnx/reader.py": "tests/exchange/qonnx/test_read.py",
    "exchange/qonnx/referee.py": "tests/exchange/qonnx/test_write.py",
    "exchange/onnx/source_model.py": "tests/exchange/test_read_faults.py",
    "exchange/qonnx/write_nodes.py": "tests/exchange/test_round_trip.py",
    "compress/quantize/base.py": "tests/compress/quantize/test_quantizers.py",
    "compress/quantize/block_scaled.py": "tests/compress/quantize/test_quantizers.py",
    "compress/quantize/hadamard.py": "tests/compress/quantize/test_quantizers.py",
    "compress/quantize/integers.py": "tests/compress/quantize/test_quantizers.py",
    "compress/quantize/names.py": "tests/compress/quantize/test_quantizers.py",
    "compress/quantize/statistics.py": "tests/compress/quantize/test_quantizers.py",
    "compress/quantize/outlier.py": "tests/compress/quantize/test_quantizers.py",
    "passes/calibration.py": "tests/passes/test_post_training.py",
    "passes/constant_values.py": "tests/passes/test_small_passes.py",
    "passes/fold_constants.py": "tests/passes/test_small_passes.py",
    "passes/fuse_bias.py": "tests/passes/test_small_passes.py",
    "passes/integer_builder.py": "tests/passes/test_integerize.py",
    "passes/integerize_affine.py": "tests/exchange/qonnx/test_read.py",
    "passes/integerize_moves.py": "tests/exchange/qonnx/test_read.py",
    "passes/integerize_pending.py": "tests/passes/test_integerize.py",
    "passes/integerize_quant.py": "tests/exchange/qonnx/test_read.py",
    "passes/pipelines.py": "tests/passes/test_integerize.py",
    "passes/real_builder.py": "tests/exchange/test_round_trip.py",
    "passes/realize.py": "tests/exchange/test_round_trip.py",
    "passes/realize_quant.py": "tests/exchange/test_round_trip.py",
    "passes/strip_head.py": "tests/passes/test_small_passes.py",
    "report/quantization.py": "tests/flows/test_quantization.py",
    "tasks/beam.py": "tests/tasks/test_beam_control.py",
    "flows/stages/closed_loop.py": "tests/flows/test_control.py",
    "flows/stages/control_report.py": "tests/flows/test_control.py",
    "flows/stages/reinforce.py": "tests/flows/test_control.py",
    "train/formatted_layer.py": "tests/train/test_formatted.py",
    "train/module_graph.py": "tests/train/test_module_tracing.py",
    "train/module_ops.py": "tests/train/test_module_tracing.py",
    "train/soft_actor_critic.py": "tests/train/test_reinforced.py",
    "train/symbolic.py": "tests/train/test_module_tracing.py",
    "workload/networks/dense.py": "tests/workload/networks/test_networks.py",
    "workload/networks/mobile.py": "tests/workload/networks/test_networks.py",
    "workload/networks/mobilenet.py": "tests/cost/test_shaping.py",
    "workload/networks/plain.py": "tests/workload/networks/test_networks.py",
    "workload/networks/residual.py": "tests/workload/networks/test_networks.py",
    "workload/networks/transformer.py": "tests/workload/networks/test_networks.py",
    "workload/networks/video.py": "tests/workload/networks/test_networks.py",
    "studies/cosma.py": "tests/studies/test_study.py",
    "studies/draco.py": "tests/studies/test_study.py",
    "studies/econ_t_networks.py": "tests/studies/test_econ_t.py",
    "studies/econ_t_hardware.py": "tests/studies/test_econ_t.py",
    "studies/econ_t_pictures.py": "tests/studies/test_econ_t.py",
    "studies/econ_t_upsets.py": "tests/studies/test_econ_t.py",
    "studies/fusemax.py": "tests/studies/test_study.py",
    "studies/nasaic_checks.py": "tests/studies/test_nasaic.py",
    "studies/nasaic_runs.py": "tests/studies/test_nasaic.py",
    "studies/nasaic_spaces.py": "tests/studies/test_nasaic.py",
    "studies/fusemax_pictures.py": "tests/studies/test_runner.py",
    "studies/nm_training_networks.py": "tests/studies/test_nm_training.py",
    "studies/nm_training_pictures.py": "tests/studies/test_nm_training.py",
    "studies/nm_training_steps.py": "tests/studies/test_nm_training.py",
    "studies/olive_figures.py": "tests/studies/test_olive.py",
    "studies/olive_networks.py": "tests/studies/test_olive.py",
    "studies/olive_pictures.py": "tests/studies/test_olive.py",
    "studies/pim_gpt_baseline.py": "tests/studies/test_pim_gpt.py",
    "studies/pim_gpt_checks.py": "tests/studies/test_pim_gpt.py",
    "studies/pim_gpt_pictures.py": "tests/studies/test_pim_gpt.py",
    "studies/pim_gpt_tokens.py": "tests/studies/test_pim_gpt.py",
    "studies/smash_merges.py": "tests/studies/test_smash.py",
    "studies/smash_pictures.py": "tests/studies/test_smash.py",
    "studies/tbsac_hardware.py": "tests/studies/test_tbsac.py",
    "studies/tbsac_limits.py": "tests/studies/test_tbsac.py",
    "studies/tbsac_pictures.py": "tests/studies/test_tbsac.py",
    "studies/tbsac_policies.py": "tests/studies/test_tbsac.py",
    "studies/hawq.py": "tests/studies/test_study.py",  # a study is run and checked, not unit-tested
}
"""Modules that need no test file of their own, and the file that tests them instead."""


def test_of(module: PurePosixPath) -> PurePosixPath:
    """Where the tests of a module are, from the root."""
    return "tests" / module.parent / f"test_{module.stem.lstrip('_')}.py"


def untested(root: Path) -> Iterator[PurePosixPath]:
    """Every module that has neither a mirrored test file nor an entry in the list above."""
    source = root / "src" / "netwright"
    for path in sorted(source.rglob("*.py")):
        module = PurePosixPath(path.relative_to(source).as_posix())
        if module.stem in ("__init__", "__main__") or str(module) in TESTED_BY:
            continue
        if not (root / test_of(module)).exists():
            yield module


def stale(root: Path) -> Iterator[str]:
    """What is wrong with the entries of the list above."""
    for name, instead in sorted(TESTED_BY.items()):
        module = PurePosixPath(name)
        if not (root / "src" / "netwright" / module).exists():
            yield f"{name} is gone; remove its entry in check_mirror.py"
        elif (root / test_of(module)).exists():
            yield f"{name} has its own test file; remove its entry in check_mirror.py"
        elif not (root / instead).exists():
            yield f"{name}: {instead} in check_mirror.py does not exist"


def main(root: Path) -> int:
    """Write one line a fault to standard error; return the exit code."""
    faults = [f"src/netwright/{module}: needs {test_of(module)}" for module in untested(root)]
    faults += [
        f"tools/check_mirror.py: {module} no longer needs an entry" for module in stale(root)
    ]
    for fault in faults:
        sys.stderr.write(fault + "\n")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(Path(__file__).resolve().parent.parent))
