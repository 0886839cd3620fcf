"""Functions of one code each: a layer of our own in hls4ml, with constant tables.

hls4ml's extension interface takes the layer; its C++ is :data:`HEADER_TEXT`, which is written only
into projects that have such a layer.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from netwright.backends.hls.layers import View, plain_index
from netwright.backends.hls.lowering import Lowering
from netwright.backends.hls.quantizers import recast
from netwright.backends.hls.registers import exponent_of_scale, holding, reals
from netwright.errors import require
from netwright.ir import Node

KIND = "NetwrightLookup"
"""Name of the layer class in hls4ml."""

HEADER = "netwright_lookup.h"
"""Its C++, in the folder ``firmware/nnet_utils``."""

MAX_BITS = 16
"""Widest code: a table has an entry for every bit pattern."""

HEADER_TEXT = """\
// Every feature goes through functions of its own. A table has an entry for every bit pattern of
// the code; those that never come are zero.
#ifndef NETWRIGHT_LOOKUP_H_
#define NETWRIGHT_LOOKUP_H_

#include "ap_int.h"
#include "hls_stream.h"

namespace nnet {

struct lookup_config {
    static const unsigned n_in = 1;
    static const unsigned n_functions = 1;
    static const unsigned n_entries = 2;
    static const unsigned n_positions = 1;
};

template <typename CONFIG_T> constexpr unsigned lookup_size() {
    return CONFIG_T::n_in * CONFIG_T::n_functions * CONFIG_T::n_entries;
}

template <class data_T, class res_T, typename CONFIG_T>
void lookup(data_T data[CONFIG_T::n_positions * CONFIG_T::n_in],
            res_T res[CONFIG_T::n_positions * CONFIG_T::n_in * CONFIG_T::n_functions],
            typename CONFIG_T::table_t tables[lookup_size<CONFIG_T>()]) {
    #pragma HLS PIPELINE
    static const unsigned n_tables = CONFIG_T::n_in * CONFIG_T::n_functions;
    #pragma HLS ARRAY_PARTITION variable=tables block factor=n_tables
    for (unsigned k = 0; k < CONFIG_T::n_positions * CONFIG_T::n_in; k++) {
        #pragma HLS UNROLL
        ap_uint<data_T::width> place = data[k].range(data_T::width - 1, 0);
        for (unsigned j = 0; j < CONFIG_T::n_functions; j++) {
            #pragma HLS UNROLL
            const unsigned table = k % CONFIG_T::n_in * CONFIG_T::n_functions + j;
            const unsigned first = table * CONFIG_T::n_entries;
            res[k * CONFIG_T::n_functions + j] = tables[first + place.to_uint()];
        }
    }
}

template <class data_T, class res_T, typename CONFIG_T>
void lookup(hls::stream<data_T> &data, hls::stream<res_T> &res,
            typename CONFIG_T::table_t tables[lookup_size<CONFIG_T>()]) {
    static const unsigned n_tables = CONFIG_T::n_in * CONFIG_T::n_functions;
    #pragma HLS ARRAY_PARTITION variable=tables block factor=n_tables
    for (unsigned p = 0; p < CONFIG_T::n_positions; p++) {
        #pragma HLS PIPELINE
        data_T in = data.read();
        res_T out;
        for (unsigned i = 0; i < CONFIG_T::n_in; i++) {
            #pragma HLS UNROLL
            static const unsigned bits = data_T::value_type::width;
            ap_uint<bits> place = in[i].range(bits - 1, 0);
            for (unsigned j = 0; j < CONFIG_T::n_functions; j++) {
                #pragma HLS UNROLL
                const unsigned table = i * CONFIG_T::n_functions + j;
                out[table] = tables[table * CONFIG_T::n_entries + place.to_uint()];
            }
        }
        res.write(out);
    }
}

} // namespace nnet

#endif
"""

_CONFIG = """struct config{index} : nnet::lookup_config {{
    static const unsigned n_in = {n_in};
    static const unsigned n_functions = {n_functions};
    static const unsigned n_entries = {n_entries};
    static const unsigned n_positions = {n_positions};
    static const unsigned io_type = nnet::{iotype};
    static const unsigned reuse_factor = {reuse};
    typedef {table_t.name} table_t;
}};\n"""

_CALL = "nnet::lookup<{input_t}, {output_t}, {config}>({input}, {output}, {table});"


def lower_lookup(lowering: Lowering, node: Node) -> View:
    """A table for every function of every feature, in the order of the codes' bit patterns."""
    extents, first = lowering.extents(node.inputs[0]), node.integer("first")
    tables = lowering.graph.constants[node.inputs[1]].astype(np.int64)
    features, functions, entries = tables.shape
    low, high = lowering.reach(node.inputs[0])
    view = lowering.arranged(node, node.inputs[0], extents, plain_index(extents))
    register = holding(low, high, view.exponent)
    if register.bits > MAX_BITS:
        raise lowering.refuse(node, f"codes of at most {MAX_BITS} bits, not {register.bits}")
    view = recast(lowering, node, view, register, "_code")
    patterns = np.zeros((features, functions, 1 << register.bits), dtype=np.int64)
    codes = np.arange(max(low, first), min(high, first + entries - 1) + 1)
    patterns[:, :, codes % patterns.shape[2]] = tables[:, :, codes - first]
    exponent = exponent_of_scale(lowering.graph.types[node.output].scale)
    result = lowering.register(node.output, exponent)
    layer = lowering.add(
        KIND,
        node,
        (view.layer,),
        {
            "result": result,
            "table": holding(int(patterns.min()), int(patterns.max()), exponent),
        },
        attributes={
            "n_in": features,
            "n_functions": functions,
            "n_entries": patterns.shape[2],
            "n_positions": int(np.prod(extents[:-1])),
        },
        arrays={"table_data": reals(patterns, exponent)},
    )
    shape = (*extents[:-1], features * functions)
    return View(layer, shape, plain_index(shape), exponent, result)


def register_lookup(backend: str) -> None:
    """Make the layer known to hls4ml and to one of its backends, once."""
    layers = require("hls4ml.model.layers", extra="hls", purpose="the HLS backend")
    if KIND not in layers.layer_map:
        layers.register_layer(KIND, _layer_class(layers))
    backends = require("hls4ml.backends", extra="hls", purpose="the HLS backend")
    known = backends.get_backend(backend)
    if not getattr(known, "_netwright_lookup", False):
        templates = require("hls4ml.backends.template", extra="hls", purpose="the HLS backend")
        for template in _templates(templates, layers.layer_map[KIND]):
            known.register_template(template)
        known._netwright_lookup = True


def _layer_class(layers: Any) -> Any:
    attributes = require("hls4ml.model.attributes", extra="hls", purpose="the HLS backend")

    def initialize(self: Any) -> None:
        shape = [*self.get_input_variable().shape[:-1]]
        size = self.get_attr("n_in") * self.get_attr("n_functions")
        self.add_output_variable([*shape, size])
        self.add_weights_variable(name="table", var_name="t{index}")

    names = ("n_in", "n_functions", "n_entries", "n_positions")
    expected = [
        *(attributes.Attribute(name) for name in names),
        attributes.WeightAttribute("table"),
        attributes.TypeAttribute("table"),
    ]
    return type(KIND, (layers.Layer,), {"_expected_attributes": expected, "initialize": initialize})


def _templates(templates: Any, layer: Any) -> tuple[Any, Any]:
    """Classes of what writes the struct of constants and the call."""

    def config_init(self: Any) -> None:
        templates.LayerConfigTemplate.__init__(self, layer)

    def config(self: Any, node: Any) -> str:
        return _CONFIG.format(**self._default_config_params(node))

    def call_init(self: Any) -> None:
        header = [f"nnet_utils/{HEADER}"]
        templates.FunctionCallTemplate.__init__(self, layer, include_header=header)

    def call(self: Any, node: Any) -> str:
        names = self._default_function_params(node)
        return _CALL.format(**{**names, "table": node.get_weights("table").name})

    return (
        type(
            "NetwrightLookupConfigTemplate",
            (templates.LayerConfigTemplate,),
            {"__init__": config_init, "format": config},
        ),
        type(
            "NetwrightLookupFunctionTemplate",
            (templates.FunctionCallTemplate,),
            {"__init__": call_init, "format": call},
        ),
    )
