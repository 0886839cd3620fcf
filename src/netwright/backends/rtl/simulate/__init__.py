"""Simulators, and what drives a simulated design."""
