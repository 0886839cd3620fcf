"""ONNX files of any kind: checked, folded, and lowered to workloads."""
