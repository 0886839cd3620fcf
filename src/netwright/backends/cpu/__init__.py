"""Graphs on the processor you have: exact codes, real values in float32, kernels for products."""

from netwright.backends.cpu import encoders
from netwright.backends.cpu.backend import CpuBackend, cpu
from netwright.backends.cpu.design import CpuDesign
from netwright.backends.cpu.options import CpuOptions

__all__ = ["CpuBackend", "CpuDesign", "CpuOptions", "cpu", "encoders"]
