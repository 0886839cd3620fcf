"""Training: the loop, the fake-quantized layers, and the way from torch to the integer graph."""

from netwright.train.executor import TorchExecutor
from netwright.train.jobs import Record, run_jobs
from netwright.train.layers import QuantInput, QuantLayer, QuantModel, Requantizer
from netwright.train.lookup import LookupModel, LookupShape, trace_tables
from netwright.train.lookup_fit import fit_tables
from netwright.train.loop import Epoch, History, evaluate, fit, logits
from netwright.train.module_tracing import trace_module
from netwright.train.norm import fold_batch_norm
from netwright.train.quantizer import Quantizer, QuantSpec
from netwright.train.real_tracing import trace_quantized
from netwright.train.seeds import fit_seeds, history_file, weights_file
from netwright.train.sequence import as_sequence, checked_sequence
from netwright.train.tracing import trace
from netwright.train.weights import load_weights, save_weights

__all__ = [
    "Epoch",
    "History",
    "LookupModel",
    "LookupShape",
    "QuantInput",
    "QuantLayer",
    "QuantModel",
    "QuantSpec",
    "Quantizer",
    "Record",
    "Requantizer",
    "TorchExecutor",
    "as_sequence",
    "checked_sequence",
    "evaluate",
    "fit",
    "fit_seeds",
    "fit_tables",
    "fold_batch_norm",
    "history_file",
    "load_weights",
    "logits",
    "run_jobs",
    "save_weights",
    "trace",
    "trace_module",
    "trace_quantized",
    "trace_tables",
    "weights_file",
]
