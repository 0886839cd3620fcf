"""The network as C for the core of a chip: the same integers without the hardware."""

from netwright.backends.soc.software.routine import Software, software

__all__ = ["Software", "software"]
