from netwright.backends.rtl.streams.module_text import file_text, instance, module, stream_ports


def test_the_head_of_a_module() -> None:
    ports = stream_ports("x", 3, is_input=True) + stream_ports("y", 1, is_input=False)
    assert file_text(module("m", ports)) == (
        "module m (\n"
        "    input  wire x_valid,\n"
        "    output wire x_ready,\n"
        "    input  wire [2:0] x_data,\n"
        "    output wire y_valid,\n"
        "    input  wire y_ready,\n"
        "    output wire [0:0] y_data\n"
        ");\n"
    )


def test_an_instance() -> None:
    assert file_text(instance("gather", "u", {"BITS": 3}, {"clk": "clk", "x": "a"})) == (
        "  gather #(\n      .BITS(3)\n  ) u_u (\n      .clk(clk),\n      .x(a)\n  );\n"
    )
    assert file_text(instance("top", "t", {}, {"clk": "clk"})) == (
        "  top u_t (\n      .clk(clk)\n  );\n"
    )
