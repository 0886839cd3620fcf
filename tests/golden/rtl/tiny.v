// Latency: 3 clocks; one row a clock.
module tiny (
    input  wire clk,
    input  wire rst_n,
    input  wire x_valid,
    input  wire [5:0] x_data,
    output wire y_valid,
    output wire [3:0] y_data
);
  valid_chain #(.STAGES(3)) u_valid (
    .clk(clk), .rst_n(rst_n), .valid_in(x_valid), .valid_out(y_valid));

  wire [5:0] quantize_0_out_data;
  assign quantize_0_out_data = x_data;

  wire [3:0] requantize_2_out_data;  // stage 2
  tiny_matmul_1 u_tiny_matmul_1 (.clk(clk), .quantize_0_out_data(quantize_0_out_data), .requantize_2_out_data(requantize_2_out_data));

  wire [3:0] matmul_3_out_data;  // stage 3
  tiny_matmul_3 u_tiny_matmul_3 (.clk(clk), .requantize_2_out_data(requantize_2_out_data), .matmul_3_out_data(matmul_3_out_data));

  assign y_data[0+:4] = matmul_3_out_data[0+:4];
endmodule

// Nodes: matmul_1, requantize_2.
module tiny_matmul_1 (
    input  wire clk,
    input  wire [5:0] quantize_0_out_data,
    output wire [3:0] requantize_2_out_data
);
  wire [2:0] quantize_0_out_0 = quantize_0_out_data[0+:3];  // -4..3
  wire [2:0] quantize_0_out_1 = quantize_0_out_data[3+:3];  // -4..3

  wire [2:0] quantize_0_out_0_unsigned;  // 0..7
  offset_adder #(.X_BITS(3), .X_SIGNED(1), .SHIFT(0), .NEGATE(0), .SKIP(2), .OFFSET(64'sd4), .Y_BITS(3))
    u_quantize_0_out_0_unsigned (.x(quantize_0_out_0), .y(quantize_0_out_0_unsigned));
  wire [2:0] quantize_0_out_1_unsigned;  // 0..7
  offset_adder #(.X_BITS(3), .X_SIGNED(1), .SHIFT(0), .NEGATE(0), .SKIP(2), .OFFSET(64'sd4), .Y_BITS(3))
    u_quantize_0_out_1_unsigned (.x(quantize_0_out_1), .y(quantize_0_out_1_unsigned));
  wire [3:0] matmul_1_sum_0;  // 0..14
  shift_adder #(.LOW_BITS(3), .LOW_SIGNED(0), .HIGH_BITS(3), .HIGH_SIGNED(0), .SHIFT(0), .SUBTRACT(0), .SUM_BITS(4))
    u_matmul_1_sum_0 (.low(quantize_0_out_0_unsigned), .high(quantize_0_out_1_unsigned), .sum(matmul_1_sum_0));
  wire [4:0] matmul_1_sum_1;  // 0..21
  shift_adder #(.LOW_BITS(3), .LOW_SIGNED(0), .HIGH_BITS(3), .HIGH_SIGNED(0), .SHIFT(1), .SUBTRACT(0), .SUM_BITS(5))
    u_matmul_1_sum_1 (.low(quantize_0_out_1_unsigned), .high(quantize_0_out_0_unsigned), .sum(matmul_1_sum_1));
  wire [5:0] matmul_1_sum_2;  // 7..42
  shift_adder #(.LOW_BITS(5), .LOW_SIGNED(0), .HIGH_BITS(3), .HIGH_SIGNED(0), .SHIFT(2), .SUBTRACT(1), .SUM_BITS(6))
    u_matmul_1_sum_2 (.low(matmul_1_sum_1), .high(quantize_0_out_1_unsigned), .sum(matmul_1_sum_2));
  wire [5:0] requantize_2_0_biased;  // -30..26
  offset_adder #(.X_BITS(4), .X_SIGNED(0), .SHIFT(2), .NEGATE(1), .SKIP(0), .OFFSET(64'sd26), .Y_BITS(6))
    u_requantize_2_0_biased (.x(matmul_1_sum_0), .y(requantize_2_0_biased));
  wire [5:0] requantize_2_0_biased__1;  // -30..26
  register #(.BITS(6))
    u_requantize_2_0_biased__1 (.clk(clk), .d(requantize_2_0_biased), .q(requantize_2_0_biased__1));
  wire [3:0] requantize_2_0_rounded;  // -8..6
  half_even #(.X_BITS(6), .X_SIGNED(1), .SHIFT(2), .Y_BITS(4))
    u_requantize_2_0_rounded (.x(requantize_2_0_biased__1), .y(requantize_2_0_rounded));
  wire [1:0] requantize_2_0_limited;  // 0..3
  clamp #(.X_BITS(4), .X_SIGNED(1), .CHECK_LOW(1), .CHECK_HIGH(1), .LOW(64'sd0), .HIGH(64'sd3), .LOW_POWER(-1), .HIGH_POWER(2), .Y_BITS(2))
    u_requantize_2_0_limited (.x(requantize_2_0_rounded), .y(requantize_2_0_limited));
  wire [5:0] matmul_1_sum_2__1;  // 7..42
  register #(.BITS(6))
    u_matmul_1_sum_2__1 (.clk(clk), .d(matmul_1_sum_2), .q(matmul_1_sum_2__1));
  wire [5:0] requantize_2_1_biased;  // -9..26
  offset_adder #(.X_BITS(6), .X_SIGNED(0), .SHIFT(0), .NEGATE(1), .SKIP(0), .OFFSET(64'sd33), .Y_BITS(6))
    u_requantize_2_1_biased (.x(matmul_1_sum_2__1), .y(requantize_2_1_biased));
  wire [3:0] requantize_2_1_rounded;  // -3..6
  half_even #(.X_BITS(6), .X_SIGNED(1), .SHIFT(2), .Y_BITS(4))
    u_requantize_2_1_rounded (.x(requantize_2_1_biased), .y(requantize_2_1_rounded));
  wire [3:0] requantize_2_1_rounded__2;  // -3..6
  register #(.BITS(4))
    u_requantize_2_1_rounded__2 (.clk(clk), .d(requantize_2_1_rounded), .q(requantize_2_1_rounded__2));
  wire [1:0] requantize_2_1_limited;  // 0..3
  clamp #(.X_BITS(4), .X_SIGNED(1), .CHECK_LOW(1), .CHECK_HIGH(1), .LOW(64'sd0), .HIGH(64'sd3), .LOW_POWER(-1), .HIGH_POWER(2), .Y_BITS(2))
    u_requantize_2_1_limited (.x(requantize_2_1_rounded__2), .y(requantize_2_1_limited));
  wire [1:0] requantize_2_0_limited__2;  // 0..3
  register #(.BITS(2))
    u_requantize_2_0_limited__2 (.clk(clk), .d(requantize_2_0_limited), .q(requantize_2_0_limited__2));

  assign requantize_2_out_data = {requantize_2_1_limited, requantize_2_0_limited__2};
endmodule

// Nodes: matmul_3.
module tiny_matmul_3 (
    input  wire clk,
    input  wire [3:0] requantize_2_out_data,
    output wire [3:0] matmul_3_out_data
);
  wire [1:0] requantize_2_out_0 = requantize_2_out_data[0+:2];  // 0..3
  wire [1:0] requantize_2_out_1 = requantize_2_out_data[2+:2];  // 0..3

  wire [3:0] matmul_3_sum_0;  // 4..13
  shift_adder #(.LOW_BITS(2), .LOW_SIGNED(0), .HIGH_BITS(2), .HIGH_SIGNED(0), .SHIFT(1), .SUBTRACT(1), .SUM_BITS(4))
    u_matmul_3_sum_0 (.low(requantize_2_out_1), .high(requantize_2_out_0), .sum(matmul_3_sum_0));
  wire [3:0] matmul_3_sum_0__3;  // 4..13
  register #(.BITS(4))
    u_matmul_3_sum_0__3 (.clk(clk), .d(matmul_3_sum_0), .q(matmul_3_sum_0__3));
  wire [3:0] matmul_3_out_0_settled;  // -5..4
  offset_adder #(.X_BITS(4), .X_SIGNED(0), .SHIFT(0), .NEGATE(0), .SKIP(0), .OFFSET(-64'sd9), .Y_BITS(4))
    u_matmul_3_out_0_settled (.x(matmul_3_sum_0__3), .y(matmul_3_out_0_settled));

  assign matmul_3_out_data = {matmul_3_out_0_settled};
endmodule
