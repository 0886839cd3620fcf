// y = x limited to LOW..HIGH; a limit that x never passes is left out (CHECK_LOW, CHECK_HIGH).
// LOW_POWER = k says that LOW is -2**k, HIGH_POWER = k that HIGH is 2**k - 1: such limits are seen
// in the upper bits, others (-1) take a comparator. LOW = 0 is seen in the sign.
module clamp #(
    parameter               X_BITS     = 8,
    parameter               X_SIGNED   = 1,
    parameter               CHECK_LOW  = 1,
    parameter               CHECK_HIGH = 1,
    parameter signed [63:0] LOW        = 64'sd0,
    parameter signed [63:0] HIGH       = 64'sd15,
    parameter               LOW_POWER  = -1,
    parameter               HIGH_POWER = 4,
    parameter               Y_BITS     = 4
) (
    input  wire [X_BITS-1:0] x,
    output wire [Y_BITS-1:0] y
);
  wire sign = (X_SIGNED != 0) & x[X_BITS-1];
  wire below;
  wire above;

  // Wide enough for any mix of widths; what lies beyond y is not used.
  /* verilator lint_off UNUSEDSIGNAL */
  wire [X_BITS+Y_BITS-1:0] x_wide = {{Y_BITS{sign}}, x};
  wire [Y_BITS+63:0] low = {{Y_BITS{LOW[63]}}, LOW};
  wire [Y_BITS+63:0] high = {{Y_BITS{HIGH[63]}}, HIGH};
  wire [X_BITS+63:0] low_limit = {{X_BITS{LOW[63]}}, LOW};
  wire [X_BITS+63:0] high_limit = {{X_BITS{HIGH[63]}}, HIGH};
  /* verilator lint_on UNUSEDSIGNAL */

  generate
    if (CHECK_LOW == 0) begin : g_no_low
      assign below = 1'b0;
    end else if (LOW == 0) begin : g_sign
      assign below = sign;
    end else if (LOW_POWER >= 0 && LOW_POWER < X_BITS) begin : g_low_bits
      assign below = sign & ~(&x[X_BITS-1:LOW_POWER]);
    end else begin : g_low
      assign below = $signed({sign, x}) < $signed(low_limit[X_BITS:0]);
    end
    if (CHECK_HIGH == 0) begin : g_no_high
      assign above = 1'b0;
    end else if (HIGH_POWER >= 0 && HIGH_POWER < X_BITS) begin : g_high_bits
      assign above = ~sign & (|x[X_BITS-1:HIGH_POWER]);
    end else begin : g_high
      assign above = $signed({sign, x}) > $signed(high_limit[X_BITS:0]);
    end
  endgenerate

  assign y = below ? low[Y_BITS-1:0] : above ? high[Y_BITS-1:0] : x_wide[Y_BITS-1:0];
endmodule
