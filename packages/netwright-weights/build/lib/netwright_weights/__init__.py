"""Weights that netwright ships; read them with ``netwright.backends.encoders.sparse_minilm``."""
