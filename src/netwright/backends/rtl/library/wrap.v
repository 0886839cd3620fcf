// y = x modulo 2**Y_BITS.
module wrap #(
    parameter X_BITS   = 8,
    parameter X_SIGNED = 1,
    parameter Y_BITS   = 4
) (
    input  wire [X_BITS-1:0] x,
    output wire [Y_BITS-1:0] y
);
  wire x_sign = (X_SIGNED != 0) & x[X_BITS-1];

  // What lies beyond y is not used.
  /* verilator lint_off UNUSEDSIGNAL */
  wire [X_BITS+Y_BITS-1:0] x_wide = {{Y_BITS{x_sign}}, x};
  /* verilator lint_on UNUSEDSIGNAL */

  assign y = x_wide[Y_BITS-1:0];
endmodule
