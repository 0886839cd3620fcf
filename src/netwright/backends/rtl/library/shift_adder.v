// sum = low + (high << SHIFT), or low - (high << SHIFT) with SUBTRACT.
// The lowest SHIFT bits of the sum are those of `low`; only the bits above need a carry chain.
// SUM_BITS must hold every value the sum takes and exceed SHIFT.
module shift_adder #(
    parameter LOW_BITS    = 8,
    parameter LOW_SIGNED  = 1,
    parameter HIGH_BITS   = 8,
    parameter HIGH_SIGNED = 1,
    parameter SHIFT       = 0,
    parameter SUBTRACT    = 0,
    parameter SUM_BITS    = 9
) (
    input  wire [LOW_BITS-1:0]  low,
    input  wire [HIGH_BITS-1:0] high,
    output wire [SUM_BITS-1:0]  sum
);
  localparam CHAIN_BITS = SUM_BITS - SHIFT;

  wire low_sign  = (LOW_SIGNED != 0) & low[LOW_BITS-1];
  wire high_sign = (HIGH_SIGNED != 0) & high[HIGH_BITS-1];

  // Wide enough for any mix of widths; what lies beyond the sum is not used.
  /* verilator lint_off UNUSEDSIGNAL */
  wire [LOW_BITS+SUM_BITS-1:0]   low_wide  = {{SUM_BITS{low_sign}}, low};
  wire [HIGH_BITS+CHAIN_BITS-1:0] high_wide = {{CHAIN_BITS{high_sign}}, high};
  /* verilator lint_on UNUSEDSIGNAL */

`ifdef KEEP_ADDERS
  (* keep *)
`endif
  wire [CHAIN_BITS-1:0] chain;

  generate
    if (SUBTRACT != 0) begin : g_subtract
      assign chain = low_wide[SHIFT+:CHAIN_BITS] - high_wide[CHAIN_BITS-1:0];
    end else begin : g_add
      assign chain = low_wide[SHIFT+:CHAIN_BITS] + high_wide[CHAIN_BITS-1:0];
    end
    if (SHIFT > 0) begin : g_shifted
      assign sum = {chain, low_wide[SHIFT-1:0]};
    end else begin : g_aligned
      assign sum = chain;
    end
  endgenerate
endmodule
