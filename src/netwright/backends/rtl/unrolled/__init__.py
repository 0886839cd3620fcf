"""Graphs with every operation in hardware of its own, one row a clock."""
