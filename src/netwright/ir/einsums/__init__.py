"""Einsums as plain values, and the iteration spaces of operators."""
