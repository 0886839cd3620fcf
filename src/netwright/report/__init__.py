"""Reports: a document of sourced figures, and the tables and pages made from it."""

from netwright.report.document import (
    AccuracyRow,
    CertificateRow,
    ClaimRow,
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
    FloorPlan,
    Hardware,
    HardwareLayer,
    LayerProof,
    Routing,
    Utilization,
)
from netwright.report.store import read, write
from netwright.report.tables import (
    accuracy_table,
    certificate_table,
    claims_table,
    front_table,
    hardware_table,
    plan_table,
)

__all__ = [
    "AccuracyRow",
    "CellCounts",
    "CertificateRow",
    "ClaimRow",
    "Document",
    "Fact",
    "FloorPlan",
    "FrontKind",
    "FrontPoint",
    "Hardware",
    "HardwareLayer",
    "LayerProof",
    "PlanRow",
    "Rewrite",
    "RocCurve",
    "Routing",
    "SensitivityRow",
    "Utilization",
    "Verdict",
    "accuracy_table",
    "certificate_table",
    "claims_table",
    "front_table",
    "hardware_table",
    "plan_table",
    "read",
    "write",
]
