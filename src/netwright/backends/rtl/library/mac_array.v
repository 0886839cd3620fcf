// One product of a matrix with a vector, spread over STEPS x ROUNDS clocks with as many times fewer
// multipliers. In every clock each of GROUPS groups multiplies INPUTS elements of the beat by
// weights of OUTPUTS outputs. STEPS clocks make a block of OUTPUTS sums, ROUNDS blocks make them
// all. A group's inputs are CHANNELS neighbors of every position of a window.
// `weights` and `bias` come from memories that read `count` and `round` and answer one clock later.
// y_valid is a pulse, STEPS * ROUNDS + 2 clocks and those of the tree's registers after `take`.
// Sums are exact where ACC_BITS holds the final ones: what overflows on the way cancels.
module mac_array #(
    parameter GROUPS           = 1,
    parameter CHANNELS         = 4,
    parameter INPUTS           = 2,
    parameter STEPS            = 2,
    parameter OUTPUTS          = 2,
    parameter ROUNDS           = 1,
    parameter X_BITS           = 8,
    parameter X_SIGNED         = 1,
    parameter W_BITS           = 8,
    parameter BIAS_BITS        = 8,
    parameter ACC_BITS         = 20,
    parameter LEVELS_PER_STAGE = 2,
    parameter ROUND_BITS       = 1,
    parameter CLOCK_BITS       = 1
) (
    input  wire                                       clk,
    input  wire                                       rst_n,
    input  wire                                       x_valid,
    output wire                                       x_ready,
    input  wire [GROUPS*INPUTS*STEPS*X_BITS-1:0]      x_data,
    input  wire                                       room,
    output wire                                       take,
    output wire [ROUND_BITS-1:0]                      round,
    output wire [CLOCK_BITS-1:0]                      count,
    input  wire [GROUPS*OUTPUTS*INPUTS*W_BITS-1:0]    weights,
    input  wire [GROUPS*OUTPUTS*BIAS_BITS-1:0]        bias,
    output wire                                       y_valid,
    output wire [GROUPS*OUTPUTS*ROUNDS*ACC_BITS-1:0]  y_data
);
  localparam STEP_BITS = STEPS > 1 ? $clog2(STEPS) : 1;
  localparam X_WIDE = X_BITS + (X_SIGNED == 0 ? 1 : 0);
  localparam PRODUCT_BITS = X_WIDE + W_BITS;
  localparam LEVELS = INPUTS > 1 ? $clog2(INPUTS) : 0;
  localparam TREE_STAGES = LEVELS_PER_STAGE > 0 ? LEVELS / LEVELS_PER_STAGE : 0;
  localparam LANES = GROUPS * OUTPUTS;
  localparam BLOCK_BITS = OUTPUTS * ACC_BITS;
  localparam RESULT_BITS = ROUNDS * BLOCK_BITS;

  wire active, first, last, done;
  wire [STEP_BITS-1:0] step;

  mac_steps #(
      .STEPS(STEPS), .ROUNDS(ROUNDS), .STEP_BITS(STEP_BITS), .ROUND_BITS(ROUND_BITS),
      .CLOCK_BITS(CLOCK_BITS)
  ) u_steps (
      .clk(clk), .rst_n(rst_n), .x_valid(x_valid), .x_ready(x_ready), .room(room), .take(take),
      .active(active), .first(first), .last(last), .done(done), .step(step), .round(round),
      .count(count)
  );

  // Clock 1: the step's elements, beside its weights. Clock 2: products. Then the tree.
  reg [LANES*BIAS_BITS-1:0] bias_product;
  wire [LANES*BIAS_BITS-1:0] bias_sum;
  wire first_sum, last_sum, done_sum;

  always @(posedge clk) bias_product <= bias;

  delay_line #(.BITS(3), .STAGES(TREE_STAGES + 2)) u_when (
      .clk(clk), .rst_n(rst_n), .x({active & first, active & last, active & done}),
      .y({first_sum, last_sum, done_sum})
  );
  delay_line #(.BITS(LANES * BIAS_BITS), .STAGES(TREE_STAGES)) u_bias (
      .clk(clk), .rst_n(rst_n), .x(bias_product), .y(bias_sum)
  );
  delay_line #(.BITS(1), .STAGES(1)) u_valid (
      .clk(clk), .rst_n(rst_n), .x(done_sum), .y(y_valid)
  );

  genvar g, o, i, s;
  generate
    for (g = 0; g < GROUPS; g = g + 1) begin : g_group
      wire [INPUTS*X_BITS-1:0] elements;
      reg  [INPUTS*X_BITS-1:0] chosen;
      wire [BLOCK_BITS-1:0] totals;
      reg  [RESULT_BITS-1:0] results;

      for (i = 0; i < INPUTS; i = i + 1) begin : g_input
        wire [STEPS*X_BITS-1:0] choices;
        for (s = 0; s < STEPS; s = s + 1) begin : g_step
          localparam NUMBER = s * INPUTS + i;
          localparam PLACE = (NUMBER / CHANNELS * GROUPS + g) * CHANNELS + NUMBER % CHANNELS;
          assign choices[s*X_BITS+:X_BITS] = x_data[PLACE*X_BITS+:X_BITS];
        end
        assign elements[i*X_BITS+:X_BITS] = choices[step*X_BITS+:X_BITS];
      end

      always @(posedge clk) chosen <= elements;

      for (o = 0; o < OUTPUTS; o = o + 1) begin : g_output
        localparam LANE = g * OUTPUTS + o;
        wire [INPUTS*PRODUCT_BITS-1:0] products;
        reg  [INPUTS*PRODUCT_BITS-1:0] products_kept;
        wire [ACC_BITS-1:0] sum;
        wire [ACC_BITS-1:0] total;

        for (i = 0; i < INPUTS; i = i + 1) begin : g_product
          wire [X_BITS-1:0] x = chosen[i*X_BITS+:X_BITS];
          wire [W_BITS-1:0] w = weights[(LANE*INPUTS+i)*W_BITS+:W_BITS];
          wire x_sign = (X_SIGNED != 0) & x[X_BITS-1];
          wire signed [PRODUCT_BITS-1:0] x_wide = {{(PRODUCT_BITS - X_BITS) {x_sign}}, x};
          wire signed [PRODUCT_BITS-1:0] w_wide = {{(PRODUCT_BITS - W_BITS) {w[W_BITS-1]}}, w};
          assign products[i*PRODUCT_BITS+:PRODUCT_BITS] = x_wide * w_wide;
        end
        always @(posedge clk) products_kept <= products;

        sum_tree #(
            .N(INPUTS), .BITS(PRODUCT_BITS), .SUM_BITS(ACC_BITS),
            .LEVELS_PER_STAGE(LEVELS_PER_STAGE)
        ) u_tree (.clk(clk), .x(products_kept), .sum(sum));
        accumulator #(.BITS(ACC_BITS), .BIAS_BITS(BIAS_BITS)) u_accumulator (
            .clk(clk), .first(first_sum), .bias(bias_sum[LANE*BIAS_BITS+:BIAS_BITS]), .x(sum),
            .total(total)
        );

        assign totals[o*ACC_BITS+:ACC_BITS] = total;
      end

      // The first block moves down to the lowest bits while the others arrive.
      if (ROUNDS > 1) begin : g_blocks
        always @(posedge clk) if (last_sum) results <= {totals, results[RESULT_BITS-1:BLOCK_BITS]};
      end else begin : g_block
        always @(posedge clk) if (last_sum) results <= totals;
      end
      assign y_data[g*RESULT_BITS+:RESULT_BITS] = results;
    end
  endgenerate
endmodule
