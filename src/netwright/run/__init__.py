"""Flows of cached stages: run, interrupt, run again, lose nothing."""

from netwright.run.config import load_toml
from netwright.run.engine import execute
from netwright.run.folder import find_run, run_names, set_aside
from netwright.run.manifest import Manifest, StageEntry, StageRecord, read_manifest
from netwright.run.plan import PlannedStage, plan
from netwright.run.stage import Flow, Reporter, Silent, Stage, StageContext
from netwright.run.toml import dump
from netwright.settings import Settings

__all__ = [
    "Flow",
    "Manifest",
    "PlannedStage",
    "Reporter",
    "Settings",
    "Silent",
    "Stage",
    "StageContext",
    "StageEntry",
    "StageRecord",
    "dump",
    "execute",
    "find_run",
    "load_toml",
    "plan",
    "read_manifest",
    "run_names",
    "set_aside",
]
