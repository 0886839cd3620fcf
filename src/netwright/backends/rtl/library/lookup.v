// y = the entry of TABLE that x names. Bit b of entry e is bit b * 2**X_BITS + e of TABLE, so that
// every bit of y is a function of x of its own: one lookup table of the device, if x is narrow.
module lookup #(
    parameter X_BITS = 4,
    parameter Y_BITS = 2,
    parameter [(Y_BITS << X_BITS) - 1:0] TABLE = 32'hff00f0f0
) (
    input  wire [X_BITS-1:0] x,
    output wire [Y_BITS-1:0] y
);
  generate
    genvar b;
    for (b = 0; b < Y_BITS; b = b + 1) begin : g_bit
      wire [(1 << X_BITS) - 1:0] column = TABLE[(b << X_BITS) +: (1 << X_BITS)];
      assign y[b] = column[x];
    end
  endgenerate
endmodule
