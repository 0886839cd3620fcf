// A running sum modulo 2**BITS that begins at `bias` with the first term; `total` includes x. What
// comes between the terms of two sums does no harm.
module accumulator #(
    parameter BITS      = 20,
    parameter BIAS_BITS = 8
) (
    input  wire                 clk,
    input  wire                 first,
    input  wire [BIAS_BITS-1:0] bias,
    input  wire [BITS-1:0]      x,
    output wire [BITS-1:0]      total
);
  reg [BITS-1:0] sum;

  // Wide enough for any mix of widths; what lies beyond the sum is not used.
  /* verilator lint_off UNUSEDSIGNAL */
  wire [BITS+BIAS_BITS-1:0] start = {{BITS{bias[BIAS_BITS-1]}}, bias};
  /* verilator lint_on UNUSEDSIGNAL */

  assign total = (first ? start[BITS-1:0] : sum) + x;

  always @(posedge clk) sum <= total;
endmodule
