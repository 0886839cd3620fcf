"""The names that graph files share: domains, rounding modes, metadata keys."""

from __future__ import annotations

from netwright.formats import QONNX_ROUNDING, Rounding

QONNX_DOMAIN = "qonnx.custom_op.general"
QONNX_DOMAINS = (QONNX_DOMAIN, "onnx.brevitas", "finn.custom_op.general")
"""Domains in which QONNX operators are written; the first is the one we write."""

CHANNELS_LAST = "qonnx.custom_op.channels_last"
"""Domain of qonnx's operators on tensors whose channels come last."""

QUANT_DOMAIN = "netwright.quant"
"""Domain of our own quantizers, which stand in a file with a function of standard operators."""

MICROSOFT = "com.microsoft"
"""Domain of ONNX Runtime's own operators."""

OPSET = 13
QONNX_OPSET = 2
QUANT_OPSET = 1
IR_VERSION = 8

ROUNDING_OF = {text: mode for mode, text in QONNX_ROUNDING.items()} | {
    "HALF_EVEN": Rounding.HALF_EVEN
}
"""Our rounding mode by QONNX name."""

HEAD_KEY = "netwright.head"
DIGEST_KEY = "netwright.digest"
VERSION_KEY = "netwright.version"
FLOAT_KEY = "netwright.float"
PATTERN_KEY = "netwright.patterns"
