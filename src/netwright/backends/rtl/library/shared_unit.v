// An arithmetic unit: LANES activations times 8-bit weights, their sum, and a running sum modulo
// 2**ACC_BITS. `first` begins a new sum, `shift` multiplies the running one by 256 before the next
// terms (weights wider than 8 bits come byte by byte, the highest first), `last` keeps the result
// while the next sum begins. The three belong to the terms that entered TREE_STAGES + 1 clocks
// before.
module shared_unit #(
    parameter LANES    = 8,
    parameter ACC_BITS = 32,
    parameter BLOCKS   = 0
) (
    input  wire                clk,
    input  wire [LANES*17-1:0] x,
    input  wire [LANES*8-1:0]  w,
    input  wire                first,
    input  wire                shift,
    input  wire                last,
    output reg  [ACC_BITS-1:0] result
);
  wire [LANES*25-1:0] products;
  reg  [LANES*25-1:0] kept;
  wire [ACC_BITS-1:0] sum;
  reg  [ACC_BITS-1:0] running;

  genvar i;
  generate
    for (i = 0; i < LANES; i = i + 1) begin : g_lane
      shared_multiplier #(.X_BITS(17), .W_BITS(8), .BLOCKS(BLOCKS)) u_product (
          .x(x[i*17+:17]), .w(w[i*8+:8]), .y(products[i*25+:25])
      );
    end
  endgenerate

  always @(posedge clk) kept <= products;

  sum_tree #(.N(LANES), .BITS(25), .SUM_BITS(ACC_BITS), .LEVELS_PER_STAGE(2)) u_tree (
      .clk(clk), .x(kept), .sum(sum)
  );

  // Wide enough for any width; what lies beyond the sum is not used.
  /* verilator lint_off UNUSEDSIGNAL */
  wire [ACC_BITS+7:0] shifted = {running, 8'd0};
  /* verilator lint_on UNUSEDSIGNAL */
  wire [ACC_BITS-1:0] so_far = first ? {ACC_BITS{1'b0}} : shift ? shifted[ACC_BITS-1:0] : running;
  wire [ACC_BITS-1:0] total = so_far + sum;

  always @(posedge clk) begin
    running <= total;
    if (last) result <= total;
  end
endmodule
