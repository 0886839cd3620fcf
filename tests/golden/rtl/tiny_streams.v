// A design of streams.
module tiny (
    input  wire clk,
    input  wire rst_n,
    input  wire x_valid,
    output wire x_ready,
    input  wire [1:0] x_data,
    output wire y_valid,
    input  wire y_ready,
    output wire [3:0] y_data
);
  wire quantize_0_out_valid, quantize_0_out_ready;
  wire [1:0] quantize_0_out_data;  // 4 of 1 elements a row
  wire conv_1__windows__out_valid, conv_1__windows__out_ready;
  wire [3:0] conv_1__windows__out_data;  // 3 of 2 elements a row
  wire conv_1__out_valid, conv_1__out_ready;
  wire [3:0] conv_1__out_data;  // 3 of 2 elements a row

  assign quantize_0_out_valid = x_valid;
  assign x_ready = quantize_0_out_ready;
  assign quantize_0_out_data = x_data;

  tiny_conv_1__windows u_conv_1__windows (
      .clk(clk),
      .rst_n(rst_n),
      .quantize_0_out_valid(quantize_0_out_valid),
      .quantize_0_out_ready(quantize_0_out_ready),
      .quantize_0_out_data(quantize_0_out_data),
      .conv_1__windows__out_valid(conv_1__windows__out_valid),
      .conv_1__windows__out_ready(conv_1__windows__out_ready),
      .conv_1__windows__out_data(conv_1__windows__out_data)
  );

  tiny_conv_1 u_conv_1 (
      .clk(clk),
      .rst_n(rst_n),
      .conv_1__windows__out_valid(conv_1__windows__out_valid),
      .conv_1__windows__out_ready(conv_1__windows__out_ready),
      .conv_1__windows__out_data(conv_1__windows__out_data),
      .conv_1__out_valid(conv_1__out_valid),
      .conv_1__out_ready(conv_1__out_ready),
      .conv_1__out_data(conv_1__out_data)
  );

  assign y_valid = conv_1__out_valid;
  assign conv_1__out_ready = y_ready;
  assign y_data = conv_1__out_data;
endmodule

// Nodes: conv_1.
module tiny_conv_1__windows (
    input  wire clk,
    input  wire rst_n,
    input  wire quantize_0_out_valid,
    output wire quantize_0_out_ready,
    input  wire [1:0] quantize_0_out_data,
    output wire conv_1__windows__out_valid,
    input  wire conv_1__windows__out_ready,
    output wire [3:0] conv_1__windows__out_data
);
  wire room;
  wire take;
  wire made_valid;
  wire [3:0] made_data;

  window_buffer #(
      .BITS(2),
      .FILL({1{2'd0}}),
      .HEIGHT(1),
      .WIDTH(4),
      .PAD_TOP(0),
      .PAD_LEFT(0),
      .PAD_BOTTOM(0),
      .PAD_RIGHT(0),
      .KERNEL_HEIGHT(1),
      .KERNEL_WIDTH(2),
      .STRIDE_HEIGHT(1),
      .STRIDE_WIDTH(1),
      .DILATION_HEIGHT(1),
      .DILATION_WIDTH(1)
  ) u_front (
      .clk(clk),
      .rst_n(rst_n),
      .x_valid(quantize_0_out_valid),
      .x_ready(quantize_0_out_ready),
      .x_data(quantize_0_out_data),
      .room(room),
      .take(take),
      .y_valid(made_valid),
      .y_data(made_data)
  );

  wire result_valid;
  wire [3:0] result_data;
  assign result_valid = made_valid;
  assign result_data = made_data;

  credit_fifo #(
      .BITS(4),
      .DEPTH(2)
  ) u_queue (
      .clk(clk),
      .rst_n(rst_n),
      .take(take),
      .room(room),
      .x_valid(result_valid),
      .x_data(result_data),
      .y_valid(conv_1__windows__out_valid),
      .y_ready(conv_1__windows__out_ready),
      .y_data(conv_1__windows__out_data)
  );
endmodule

// Nodes: conv_1, requantize_2.
module tiny_conv_1 (
    input  wire clk,
    input  wire rst_n,
    input  wire conv_1__windows__out_valid,
    output wire conv_1__windows__out_ready,
    input  wire [3:0] conv_1__windows__out_data,
    output wire conv_1__out_valid,
    input  wire conv_1__out_ready,
    output wire [3:0] conv_1__out_data
);
  wire room;
  wire take;
  wire made_valid;
  wire [7:0] made_data;
  wire [0:0] round;
  wire [1:0] count;
  wire [1:0] weights;
  wire [0:0] bias;

  weight_rom #(
      .BITS(2),
      .DEPTH(4),
      .ADDRESS_BITS(2),
      .CONTENTS({
          2'h1,  // clock 3
          2'h2,  // clock 2
          2'h3,  // clock 1
          2'h2  // clock 0
      })
  ) u_weights (
      .clk(clk),
      .address(count),
      .word(weights)
  );
  assign bias = {1{1'b0}};

  mac_array #(
      .GROUPS(1),
      .CHANNELS(1),
      .INPUTS(1),
      .STEPS(2),
      .OUTPUTS(1),
      .ROUNDS(2),
      .X_BITS(2),
      .X_SIGNED(1),
      .W_BITS(2),
      .BIAS_BITS(1),
      .ACC_BITS(4),
      .LEVELS_PER_STAGE(2),
      .ROUND_BITS(1),
      .CLOCK_BITS(2)
  ) u_front (
      .clk(clk),
      .rst_n(rst_n),
      .x_valid(conv_1__windows__out_valid),
      .x_ready(conv_1__windows__out_ready),
      .x_data(conv_1__windows__out_data),
      .room(room),
      .take(take),
      .round(round),
      .count(count),
      .weights(weights),
      .bias(bias),
      .y_valid(made_valid),
      .y_data(made_data)
  );

  wire result_valid;
  wire [3:0] result_data;
  valid_chain #(
      .STAGES(1)
  ) u_valid (
      .clk(clk),
      .rst_n(rst_n),
      .valid_in(made_valid),
      .valid_out(result_valid)
  );
  wire [3:0] beat_data;
  tiny_conv_1__beat u_beat (
      .clk(clk),
      .made_data(made_data),
      .result_data(beat_data)
  );
  assign result_data[0+:2] = beat_data[0+:2];
  assign result_data[2+:2] = beat_data[2+:2];

  credit_fifo #(
      .BITS(4),
      .DEPTH(3)
  ) u_queue (
      .clk(clk),
      .rst_n(rst_n),
      .take(take),
      .room(room),
      .x_valid(result_valid),
      .x_data(result_data),
      .y_valid(conv_1__out_valid),
      .y_ready(conv_1__out_ready),
      .y_data(conv_1__out_data)
  );
endmodule

// Nodes: conv_1, requantize_2.
module tiny_conv_1__beat (
    input  wire clk,
    input  wire [7:0] made_data,
    output wire [3:0] result_data
);
  wire [3:0] made_0 = made_data[0+:4];  // -4..6
  wire [3:0] made_1 = made_data[4+:4];  // -4..6

  wire [4:0] requantize_2_0_biased;  // -2..8
  offset_adder #(.X_BITS(4), .X_SIGNED(1), .SHIFT(0), .NEGATE(0), .SKIP(1), .OFFSET(64'sd2), .Y_BITS(5))
    u_requantize_2_0_biased (.x(made_0), .y(requantize_2_0_biased));
  wire [2:0] requantize_2_0_rounded;  // -1..2
  half_even #(.X_BITS(5), .X_SIGNED(1), .SHIFT(2), .Y_BITS(3))
    u_requantize_2_0_rounded (.x(requantize_2_0_biased), .y(requantize_2_0_rounded));
  wire [2:0] requantize_2_0_rounded__1;  // -1..2
  register #(.BITS(3))
    u_requantize_2_0_rounded__1 (.clk(clk), .d(requantize_2_0_rounded), .q(requantize_2_0_rounded__1));
  wire [1:0] requantize_2_0_limited;  // 0..2
  clamp #(.X_BITS(3), .X_SIGNED(1), .CHECK_LOW(1), .CHECK_HIGH(0), .LOW(64'sd0), .HIGH(64'sd2), .LOW_POWER(-1), .HIGH_POWER(-1), .Y_BITS(2))
    u_requantize_2_0_limited (.x(requantize_2_0_rounded__1), .y(requantize_2_0_limited));
  wire [4:0] requantize_2_1_biased;  // -2..8
  offset_adder #(.X_BITS(4), .X_SIGNED(1), .SHIFT(0), .NEGATE(0), .SKIP(1), .OFFSET(64'sd2), .Y_BITS(5))
    u_requantize_2_1_biased (.x(made_1), .y(requantize_2_1_biased));
  wire [2:0] requantize_2_1_rounded;  // -1..2
  half_even #(.X_BITS(5), .X_SIGNED(1), .SHIFT(2), .Y_BITS(3))
    u_requantize_2_1_rounded (.x(requantize_2_1_biased), .y(requantize_2_1_rounded));
  wire [2:0] requantize_2_1_rounded__1;  // -1..2
  register #(.BITS(3))
    u_requantize_2_1_rounded__1 (.clk(clk), .d(requantize_2_1_rounded), .q(requantize_2_1_rounded__1));
  wire [1:0] requantize_2_1_limited;  // 0..2
  clamp #(.X_BITS(3), .X_SIGNED(1), .CHECK_LOW(1), .CHECK_HIGH(0), .LOW(64'sd0), .HIGH(64'sd2), .LOW_POWER(-1), .HIGH_POWER(-1), .Y_BITS(2))
    u_requantize_2_1_limited (.x(requantize_2_1_rounded__1), .y(requantize_2_1_limited));

  assign result_data = {requantize_2_1_limited, requantize_2_0_limited};
endmodule
