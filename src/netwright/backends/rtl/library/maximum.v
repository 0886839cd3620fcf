// y = the larger of a and b. Y_BITS must hold every value of y.
module maximum #(
    parameter A_BITS   = 8,
    parameter A_SIGNED = 1,
    parameter B_BITS   = 8,
    parameter B_SIGNED = 1,
    parameter Y_BITS   = 8
) (
    input  wire [A_BITS-1:0] a,
    input  wire [B_BITS-1:0] b,
    output wire [Y_BITS-1:0] y
);
  localparam WIDE = (A_BITS > B_BITS ? A_BITS : B_BITS) + 1;

  wire a_sign = (A_SIGNED != 0) & a[A_BITS-1];
  wire b_sign = (B_SIGNED != 0) & b[B_BITS-1];
  wire [WIDE-1:0] a_wide = {{(WIDE - A_BITS) {a_sign}}, a};
  wire [WIDE-1:0] b_wide = {{(WIDE - B_BITS) {b_sign}}, b};

  // Wide enough for any mix of widths; what lies beyond y is not used.
  /* verilator lint_off UNUSEDSIGNAL */
  wire [WIDE+Y_BITS-1:0] larger = {
    {Y_BITS{1'b0}}, $signed(a_wide) < $signed(b_wide) ? b_wide : a_wide
  };
  /* verilator lint_on UNUSEDSIGNAL */

  assign y = larger[Y_BITS-1:0];
endmodule
