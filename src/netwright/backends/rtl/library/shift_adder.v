// sum = low + (high << SHIFT). With SUBTRACT, for which both are unsigned, it is low - (high << SHIFT)
// plus a constant, so that it is never negative: ((1 << HIGH_BITS) - 1) << SHIFT, and ones in the
// bits in which high reaches beyond low. This way no bit of the carry chain needs an inverter.
// The lowest SHIFT bits of the sum are those of `low`; only the bits above need a carry chain.
// SUM_BITS must hold every value the sum takes and exceed SHIFT.
// With CARRY_LOW the carry chain takes `low` as it is, and not the operand that synthesis prefers: what
// makes `high` then shares the lookup tables of the sum, if it reads few enough bits.
module shift_adder #(
    parameter LOW_BITS    = 8,
    parameter LOW_SIGNED  = 1,
    parameter HIGH_BITS   = 8,
    parameter HIGH_SIGNED = 1,
    parameter SHIFT       = 0,
    parameter SUBTRACT    = 0,
    parameter CARRY_LOW   = 0,
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

  wire [CHAIN_BITS-1:0] low_part = low_wide[SHIFT+:CHAIN_BITS];
  wire [CHAIN_BITS-1:0] high_part = high_wide[CHAIN_BITS-1:0];
  wire [CHAIN_BITS-1:0] upper;

  generate
    if (SUBTRACT != 0) begin : g_subtract
      localparam MEET_BITS = LOW_BITS > SHIFT ? LOW_BITS - SHIFT : 0;
      localparam BEYOND_BITS = HIGH_BITS > MEET_BITS ? HIGH_BITS - MEET_BITS : 0;
      localparam [CHAIN_BITS-1:0] ALL = {CHAIN_BITS{1'b1}};
      localparam [CHAIN_BITS-1:0] ABOVE_LOW = ~(ALL << BEYOND_BITS) << MEET_BITS;
      localparam [CHAIN_BITS-1:0] ABOVE_HIGH = ALL << HIGH_BITS;
      // One bit more below borrows: synthesis sums the first bit twice if a constant enters there.
`ifdef KEEP_ADDERS
      (* keep *)
`endif
      wire [CHAIN_BITS:0] chain = {low_part | ABOVE_LOW, 1'b0} - {high_part | ABOVE_HIGH, 1'b1};
      assign upper = chain[CHAIN_BITS:1];
    end else if (CARRY_LOW != 0) begin : g_carry_low
      // low - ~high - 1: the operand that is inverted does not enter the chain beside the sum.
`ifdef KEEP_ADDERS
      (* keep *)
`endif
      wire [CHAIN_BITS:0] chain = {low_part, 1'b0} - {~high_part, 1'b1};
      assign upper = chain[CHAIN_BITS:1];
    end else begin : g_add
`ifdef KEEP_ADDERS
      (* keep *)
`endif
      wire [CHAIN_BITS-1:0] chain = low_part + high_part;
      assign upper = chain;
    end
    if (SHIFT > 0) begin : g_shifted
      assign sum = {upper, low_wide[SHIFT-1:0]};
    end else begin : g_aligned
      assign sum = upper;
    end
  endgenerate
endmodule
