"""Training: the loop, the fake-quantized layers, and the way from torch to a graph."""

from netwright.records import Record
from netwright.train.batches import Batch
from netwright.train.beam_search import Bayesian
from netwright.train.beam_tracking import TrackedPlant
from netwright.train.callbacks import Calibrate, Callback, EarlyStop, Moment
from netwright.train.checkpoint import Checkpoint
from netwright.train.executor import TorchExecutor
from netwright.train.fitting import fit
from netwright.train.formatted import FormatQuantizer
from netwright.train.formatted_layer import FormattedLayer
from netwright.train.freezing import FreezeScales
from netwright.train.history import Epoch, History
from netwright.train.injector_surrogate import Surrogate, fit_surrogate
from netwright.train.jobs import run_jobs, single_threaded
from netwright.train.layers import QuantLayer
from netwright.train.logs import MLflow, TensorBoard
from netwright.train.lookup import LookupModel, LookupShape, trace_tables
from netwright.train.lookup_dropping import DropFunctions
from netwright.train.lookup_price import PricedLuts
from netwright.train.losses import Loss, find_loss
from netwright.train.network import QuantModel
from netwright.train.nm import KeepNM
from netwright.train.nm_layers import LayerMacs
from netwright.train.norm import fold_batch_norm
from netwright.train.objective import Distill, Objective, Supervised
from netwright.train.operations import QuantInput, Requantizer
from netwright.train.prediction import evaluate, predict
from netwright.train.quantizer import Quantizer, QuantSpec
from netwright.train.ramp import Ramp
from netwright.train.real_tracing import trace_quantized
from netwright.train.recipe import Recipe
from netwright.train.reinforced import Reinforced, Reinforcement, acting, new_policy, reinforce
from netwright.train.reinforced_seeds import read_measurements, reinforce_seeds
from netwright.train.seeds import fit_seeds, history_file, weights_file
from netwright.train.text import TEXT, taught
from netwright.train.tracing import trace
from netwright.train.weights import load_weights, save_weights

__all__ = [
    "TEXT",
    "Batch",
    "Bayesian",
    "Calibrate",
    "Callback",
    "Checkpoint",
    "Distill",
    "DropFunctions",
    "EarlyStop",
    "Epoch",
    "FormatQuantizer",
    "FormattedLayer",
    "FreezeScales",
    "History",
    "KeepNM",
    "LayerMacs",
    "LookupModel",
    "LookupShape",
    "Loss",
    "MLflow",
    "Moment",
    "Objective",
    "PricedLuts",
    "QuantInput",
    "QuantLayer",
    "QuantModel",
    "QuantSpec",
    "Quantizer",
    "Ramp",
    "Recipe",
    "Record",
    "Reinforced",
    "Reinforcement",
    "Requantizer",
    "Supervised",
    "Surrogate",
    "TensorBoard",
    "TorchExecutor",
    "TrackedPlant",
    "acting",
    "evaluate",
    "find_loss",
    "fit",
    "fit_seeds",
    "fit_surrogate",
    "fold_batch_norm",
    "history_file",
    "load_weights",
    "new_policy",
    "predict",
    "read_measurements",
    "reinforce",
    "reinforce_seeds",
    "run_jobs",
    "save_weights",
    "single_threaded",
    "taught",
    "trace",
    "trace_quantized",
    "trace_tables",
    "weights_file",
]
