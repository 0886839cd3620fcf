// sum = low + (high << SHIFT). With INVERT the bits of high, unsigned then, are inverted: the sum is
// low + ((2**HIGH_BITS - 1 - high) << SHIFT), a subtraction that is never negative.
// The lowest SHIFT bits of the sum are those of `low`; only the bits above need a carry chain.
// SUM_BITS must hold every value the sum takes and exceed SHIFT.
module shift_adder #(
    parameter LOW_BITS    = 8,
    parameter LOW_SIGNED  = 1,
    parameter HIGH_BITS   = 8,
    parameter HIGH_SIGNED = 1,
    parameter SHIFT       = 0,
    parameter INVERT      = 0,
    parameter SUM_BITS    = 9
) (
    input  wire [LOW_BITS-1:0]  low,
    input  wire [HIGH_BITS-1:0] high,
    output wire [SUM_BITS-1:0]  sum
);
  localparam CHAIN_BITS = SUM_BITS - SHIFT;

  wire low_sign  = (LOW_SIGNED != 0) & low[LOW_BITS-1];
  wire high_sign = (HIGH_SIGNED != 0) & high[HIGH_BITS-1];
  wire [HIGH_BITS-1:0] operand = (INVERT != 0) ? ~high : high;

  // Wide enough for any mix of widths; what lies beyond the sum is not used.
  /* verilator lint_off UNUSEDSIGNAL */
  wire [LOW_BITS+SUM_BITS-1:0]   low_wide  = {{SUM_BITS{low_sign}}, low};
  wire [HIGH_BITS+CHAIN_BITS-1:0] high_wide = {{CHAIN_BITS{high_sign}}, operand};
  /* verilator lint_on UNUSEDSIGNAL */

`ifdef KEEP_ADDERS
  (* keep *)
`endif
  wire [CHAIN_BITS-1:0] chain = low_wide[SHIFT+:CHAIN_BITS] + high_wide[CHAIN_BITS-1:0];

  generate
    if (SHIFT > 0) begin : g_shifted
      assign sum = {chain, low_wide[SHIFT-1:0]};
    end else begin : g_aligned
      assign sum = chain;
    end
  endgenerate
endmodule
