"""What a design consists of: wires, cells of the library, layers, and their Verilog."""
