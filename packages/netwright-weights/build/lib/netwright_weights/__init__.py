"""Weights that netwright ships; read them with ``netwright.backends.cpu.sparse_minilm``."""
