"""Designs of streams behind AXI4-Stream and AXI4-Lite, to be put into a project of a vendor."""

from netwright.backends.soc.axi.wrapper import write_axi

__all__ = ["write_axi"]
