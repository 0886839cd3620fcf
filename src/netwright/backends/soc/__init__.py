"""A chip with a processor around a network."""

from netwright.backends.soc.backend import SocBackend, soc
from netwright.backends.soc.design import SocDesign
from netwright.backends.soc.options import SocOptions

__all__ = ["SocBackend", "SocDesign", "SocOptions", "soc"]
