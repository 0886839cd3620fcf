"""Synthesis, place and route, and standard cells: what a design costs when it is made."""
