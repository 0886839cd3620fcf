"""Quantized ONNX files to graphs and back, and the tools that execute them."""
