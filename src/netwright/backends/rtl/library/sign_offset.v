// y = x + (x < 0 ? BELOW : ABOVE): what rounding modes that look at the sign add before they drop
// bits. Y_BITS must hold every value of y.
module sign_offset #(
    parameter               X_BITS = 8,
    parameter signed [63:0] BELOW  = 64'sd0,
    parameter signed [63:0] ABOVE  = 64'sd0,
    parameter               Y_BITS = 9
) (
    input  wire [X_BITS-1:0] x,
    output wire [Y_BITS-1:0] y
);
  wire negative = x[X_BITS-1];

  // Wide enough for any mix of widths; what lies beyond y is not used.
  /* verilator lint_off UNUSEDSIGNAL */
  wire [X_BITS+Y_BITS-1:0] x_wide = {{Y_BITS{negative}}, x};
  wire [Y_BITS+63:0] below = {{Y_BITS{BELOW[63]}}, BELOW};
  wire [Y_BITS+63:0] above = {{Y_BITS{ABOVE[63]}}, ABOVE};
  /* verilator lint_on UNUSEDSIGNAL */

  assign y = x_wide[Y_BITS-1:0] + (negative ? below[Y_BITS-1:0] : above[Y_BITS-1:0]);
endmodule
