"""Reports: a document of sourced figures, and the tables and pages made from it."""

from netwright.report.bank_times import bank_times as draw_banks
from netwright.report.certificate import FILE_STAGE, Certificate, FirstStage, Inexact
from netwright.report.charts import Panel, bars, lines, roofline
from netwright.report.data import DataInput, DataSection, Spread
from netwright.report.document import (
    AccuracyRow,
    CertificateRow,
    ClaimRow,
    DesignPoint,
    Document,
    Fact,
    FrontKind,
    FrontPoint,
    PlanRow,
    Rewrite,
    RocCurve,
    SensitivityRow,
    Verdict,
)
from netwright.report.hardware import (
    CellCounts,
    DepthPoint,
    FloorPlan,
    Hardware,
    HardwareLayer,
    LayerProof,
    Routing,
    Utilization,
)
from netwright.report.learning import Confusion, TrainingCurve
from netwright.report.store import read, write
from netwright.report.tables import (
    accuracy_table,
    certificate_table,
    claims_table,
    comparison_table,
    front_table,
    hardware_table,
    plan_table,
)
from netwright.report.wafers import WaferDisplay, wafer_displays, wafer_map, wafer_svg
from netwright.report.when import When

__all__ = [
    "FILE_STAGE",
    "AccuracyRow",
    "CellCounts",
    "Certificate",
    "CertificateRow",
    "ClaimRow",
    "Confusion",
    "DataInput",
    "DataSection",
    "DepthPoint",
    "DesignPoint",
    "Document",
    "Fact",
    "FirstStage",
    "FloorPlan",
    "FrontKind",
    "FrontPoint",
    "Hardware",
    "HardwareLayer",
    "Inexact",
    "LayerProof",
    "Panel",
    "PlanRow",
    "Rewrite",
    "RocCurve",
    "Routing",
    "SensitivityRow",
    "Spread",
    "TrainingCurve",
    "Utilization",
    "Verdict",
    "WaferDisplay",
    "When",
    "accuracy_table",
    "bars",
    "certificate_table",
    "claims_table",
    "comparison_table",
    "draw_banks",
    "front_table",
    "hardware_table",
    "lines",
    "plan_table",
    "read",
    "roofline",
    "wafer_displays",
    "wafer_map",
    "wafer_svg",
    "write",
]
