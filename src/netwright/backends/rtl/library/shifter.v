// y = x >> SHIFT, rounded toward minus infinity. Y_BITS must hold every value of y.
module shifter #(
    parameter X_BITS   = 8,
    parameter X_SIGNED = 1,
    parameter SHIFT    = 1,
    parameter Y_BITS   = 7
) (
    input  wire [X_BITS-1:0] x,
    output wire [Y_BITS-1:0] y
);
  wire x_sign = (X_SIGNED != 0) & x[X_BITS-1];

  // What lies beyond y, and what the shift drops, is not used.
  /* verilator lint_off UNUSEDSIGNAL */
  wire [X_BITS+SHIFT+Y_BITS-1:0] x_wide = {{(SHIFT + Y_BITS) {x_sign}}, x};
  /* verilator lint_on UNUSEDSIGNAL */

  assign y = x_wide[SHIFT+:Y_BITS];
endmodule
