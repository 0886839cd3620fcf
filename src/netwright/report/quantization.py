"""What quantization after training changed, measured against the float file."""

from __future__ import annotations

from collections.abc import Mapping

from netwright.report.part import Count, Part, Share


class Quantization(Part):
    """How a float file was quantized, and how far its outputs moved.

    Attributes:
        file: Name of the float file.
        sha256: Its digest.
        executor: What executed it.
        made: Name of the quantized file.
        widths: Widths of the weights and inputs of each product, as ``w6 a8``.
        scale: Rule for the scales.
        calibration: Name of the file of calibration rows.
        num_calibration: How many rows it holds.
        compared_on: Name of the file of the rows on which both were compared.
        num_rows: How many rows it holds.
        largest_output: Largest absolute output of the float file on them.
        max_error: Largest absolute change of an output.
        rms_error: Root of the mean squared change.
        rms_output: Root of the mean squared output of the float file.
        accuracy_float: Share of the labels that the float file hits; ``None`` without labels.
        accuracy_quantized: The same for the integers.
        bops: Bit operations of the products for one row, where they were limited.
        left: Operators at the end that are left to the host; outputs are those in front of them.
    """

    file: str
    sha256: str
    executor: str
    made: str
    widths: Mapping[str, str]
    scale: str
    calibration: str
    num_calibration: Count
    compared_on: str
    num_rows: Count
    largest_output: float
    max_error: float
    rms_error: float
    rms_output: float
    accuracy_float: Share | None = None
    accuracy_quantized: Share | None = None
    bops: float | None = None
    left: tuple[str, ...] = ()

    @property
    def sentence(self) -> str:
        """What changed, in one sentence."""
        text = (
            f"quantized from {self.file}: outputs off by at most {self.max_error:.3g}, RMS "
            f"{self.rms_error:.3g}, of values up to {self.largest_output:.3g} on the "
            f"{self.num_rows} rows of {self.compared_on}"
        )
        if self.left:
            text += f", in front of {', '.join(self.left)}, which is left to the host"
        if self.accuracy_float is None or self.accuracy_quantized is None:
            return text
        before, after = self.accuracy_float, self.accuracy_quantized
        return f"{text}; accuracy {before:.2%} before, {after:.2%} after"
