"""Constant matrix-vector products as few shifts and additions."""
