"""Proofs that hold for every input: of adders, and of all that is between two products."""
