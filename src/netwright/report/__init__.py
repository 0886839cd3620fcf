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
    read,
)

__all__ = [
    "AccuracyRow",
    "CertificateRow",
    "ClaimRow",
    "Document",
    "Fact",
    "FrontKind",
    "FrontPoint",
    "PlanRow",
    "Rewrite",
    "RocCurve",
    "SensitivityRow",
    "Verdict",
    "read",
]
