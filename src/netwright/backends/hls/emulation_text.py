"""The C++ that runs the firmware on a batch, with the very weights that synthesis compiles."""

from __future__ import annotations

from collections.abc import Sequence

from netwright.backends.hls.layers import Firmware
from netwright.escape import cpp_string

EMULATION_SOURCE = "netwright_emulation.cpp"
"""The one file that is compiled: it includes the firmware and hls4ml's bridge to it."""

ROWS_FUNCTION = "netwright_rows"
"""The function in it that runs a batch."""

_HEAD = """\
// The firmware for emulation; {function} runs it on a batch.
#include "firmware/defines.h"
#include <cstddef>
#include <cstring>

// The headers of the weights, read as they are, but as plain numbers: a compiler takes minutes for
// thousands of fixed-point constructors. Types and extents come from the headers, too.
namespace headers {{
template <class T> struct Literal {{ double value; }};
template <class Literals> struct Array;
template <class T, std::size_t N> struct Array<Literal<T>[N]> {{ using type = T[N]; }};
template <class T, std::size_t N> bool fill(T (&array)[N], const Literal<T> (&literals)[N]) {{
    for (std::size_t i = 0; i < N; i++) array[i] = literals[i].value;
    return true;
}}
{shadows}{includes}}} // namespace headers

{arrays}
#include "firmware/{name}.cpp"
#include "{name}_bridge.cpp"
"""

_ROWS = """
extern "C" void {function}(double *const *inputs, double *const *outputs,
                               double *const *traces, std::size_t rows) {{
    if (traces != nullptr) allocate_trace_storage(sizeof(double));
    for (std::size_t row = 0; row < rows; row++) {{
        {name}_double({arguments});
        if (traces == nullptr) continue;
{copies}    }}
    if (traces != nullptr) free_trace_storage();
}}
"""


def traced_layers(firmware: Firmware) -> tuple[str, ...]:
    """Layers whose outputs the emulation can return, in the order in which it does."""
    shown = {view.layer for view in firmware.views.values()}
    hosted = {view.layer for view in firmware.host.values()}
    return tuple(layer.name for layer in firmware.layers if layer.name in shown - hosted)


def emulation_source(firmware: Firmware, name: str, weights: Sequence[tuple[str, str]]) -> str:
    """The file to compile.

    Args:
        firmware: The layers.
        name: Name of the project and of its top function.
        weights: Arrays of constants, each with its header of the same name, and their types.
    """
    sizes = {view.layer: view.size for view in (*firmware.host.values(), *firmware.views.values())}
    inputs = [view.layer for view in firmware.host.values()]
    arguments = [
        *(f"inputs[{i}] + row * {sizes[layer]}" for i, layer in enumerate(inputs)),
        *(f"outputs[{i}] + row * {sizes[layer]}" for i, layer in enumerate(firmware.outputs)),
    ]
    copies = [
        f"        std::memcpy(traces[{i}] + row * {sizes[layer]}, "
        f"(*nnet::trace_outputs)[{cpp_string(layer)}], {sizes[layer]} * sizeof(double));\n"
        for i, layer in enumerate(traced_layers(firmware))
    ]
    types = dict.fromkeys(kind for _, kind in weights)
    head = _HEAD.format(
        function=ROWS_FUNCTION,
        name=name,
        shadows="".join(f"using {kind} = Literal<::{kind}>;\n" for kind in types),
        includes="".join(f'#include "firmware/weights/{array}.h"\n' for array, _ in weights),
        arrays="".join(
            f"headers::Array<decltype(headers::{array})>::type {array};\n"
            f"static const bool {array}_filled = headers::fill({array}, headers::{array});\n"
            for array, _ in weights
        ),
    )
    return head + _ROWS.format(
        function=ROWS_FUNCTION,
        name=name,
        arguments=", ".join(arguments),
        copies="".join(copies),
    )
