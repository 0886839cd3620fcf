// The second half of rounding to nearest with ties to even: x has half a step added already.
// y = x >> SHIFT, with the lowest bit cleared where all dropped bits are zero: that was a tie.
// SHIFT must be 1 or more; Y_BITS must hold every value of x >> SHIFT.
module half_even #(
    parameter X_BITS   = 8,
    parameter X_SIGNED = 1,
    parameter SHIFT    = 1,
    parameter Y_BITS   = 7
) (
    input  wire [X_BITS-1:0] x,
    output wire [Y_BITS-1:0] y
);
  wire x_sign = (X_SIGNED != 0) & x[X_BITS-1];

  // What lies beyond y is not used.
  /* verilator lint_off UNUSEDSIGNAL */
  wire [X_BITS+SHIFT+Y_BITS-1:0] x_wide = {{(SHIFT + Y_BITS) {x_sign}}, x};
  /* verilator lint_on UNUSEDSIGNAL */

  wire [Y_BITS-1:0] quotient = x_wide[SHIFT+:Y_BITS];
  wire lowest = quotient[0] & (|x_wide[SHIFT-1:0]);

  generate
    if (Y_BITS > 1) begin : g_word
      assign y = {quotient[Y_BITS-1:1], lowest};
    end else begin : g_bit
      assign y = lowest;
    end
  endgenerate
endmodule
