// y = the sum of N products x * w of integers that are both variable. Y_BITS holds every sum.
module dot_product #(
    parameter N        = 9,
    parameter X_BITS   = 8,
    parameter X_SIGNED = 0,
    parameter W_BITS   = 6,
    parameter W_SIGNED = 1,
    parameter Y_BITS   = 18
) (
    input  wire [N*X_BITS-1:0] x,
    input  wire [N*W_BITS-1:0] w,
    output reg  [Y_BITS-1:0]   y
);
  localparam TERM_BITS = X_BITS + W_BITS + 2;
  localparam SUM_BITS = Y_BITS > 32 ? 64 : 32;  // a simulator's own words; what is beyond Y is cut

  reg signed [X_BITS:0] one;
  reg signed [W_BITS:0] other;
  reg signed [TERM_BITS-1:0] term;
  /* verilator lint_off UNUSEDSIGNAL */
  reg signed [SUM_BITS-1:0] sum;
  /* verilator lint_on UNUSEDSIGNAL */

  integer i;
  always @* begin
    sum = {SUM_BITS{1'b0}};
    one = {X_BITS + 1{1'b0}};
    other = {W_BITS + 1{1'b0}};
    term = {TERM_BITS{1'b0}};
    for (i = 0; i < N; i = i + 1) begin
      one = {(X_SIGNED != 0) & x[i*X_BITS+X_BITS-1], x[i*X_BITS+:X_BITS]};
      other = {(W_SIGNED != 0) & w[i*W_BITS+W_BITS-1], w[i*W_BITS+:W_BITS]};
      term = one * other;
      /* verilator lint_off WIDTHEXPAND */
      sum = sum + term;
      /* verilator lint_on WIDTHEXPAND */
    end
    y = sum[Y_BITS-1:0];
  end
endmodule
