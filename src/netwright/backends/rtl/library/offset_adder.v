// y = (x << SHIFT) + OFFSET, or OFFSET - (x << SHIFT) with NEGATE.
// The lowest SHIFT bits of y are those of OFFSET. Without NEGATE the next SKIP bits, where OFFSET
// is zero, are those of x; only the bits above need a carry chain. Nothing is added where OFFSET is
// zero there, and a single bit is inverted. Y_BITS must hold every value of y and exceed SHIFT + SKIP.
module offset_adder #(
    parameter              X_BITS   = 8,
    parameter              X_SIGNED = 1,
    parameter              SHIFT    = 0,
    parameter              NEGATE   = 0,
    parameter              SKIP     = 0,
    parameter signed [63:0] OFFSET  = 64'sd0,
    parameter              Y_BITS   = 9
) (
    input  wire [X_BITS-1:0] x,
    output wire [Y_BITS-1:0] y
);
  localparam FREE_BITS = SHIFT + SKIP;
  localparam CHAIN_BITS = Y_BITS - FREE_BITS;

  wire x_sign = (X_SIGNED != 0) & x[X_BITS-1];

  // Wide enough for any mix of widths; what lies beyond y is not used.
  /* verilator lint_off UNUSEDSIGNAL */
  wire [X_BITS+Y_BITS-1:0] x_wide = {{Y_BITS{x_sign}}, x};
  wire [Y_BITS+63:0] offset = {{Y_BITS{OFFSET[63]}}, OFFSET};
  /* verilator lint_on UNUSEDSIGNAL */

  localparam signed [63:0] UPPER = OFFSET >>> FREE_BITS;

  wire [CHAIN_BITS-1:0] chain;

  generate
    if (NEGATE == 0 && (CHAIN_BITS == 1 || UPPER == 0)) begin : g_bits
      assign chain = x_wide[SKIP+:CHAIN_BITS] ^ offset[FREE_BITS+:CHAIN_BITS];
    end else begin : g_chain
`ifdef KEEP_ADDERS
      (* keep *)
`endif
      wire [CHAIN_BITS-1:0] sum;
      if (NEGATE != 0) begin : g_negate
        assign sum = offset[FREE_BITS+:CHAIN_BITS] - x_wide[SKIP+:CHAIN_BITS];
      end else begin : g_add
        assign sum = x_wide[SKIP+:CHAIN_BITS] + offset[FREE_BITS+:CHAIN_BITS];
      end
      assign chain = sum;
    end
    if (SKIP > 0 && SHIFT > 0) begin : g_skipped_and_shifted
      assign y = {chain, x_wide[SKIP-1:0], offset[SHIFT-1:0]};
    end else if (SKIP > 0) begin : g_skipped
      assign y = {chain, x_wide[SKIP-1:0]};
    end else if (SHIFT > 0) begin : g_shifted
      assign y = {chain, offset[SHIFT-1:0]};
    end else begin : g_aligned
      assign y = chain;
    end
  endgenerate
endmodule
