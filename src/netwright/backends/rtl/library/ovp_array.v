// An output-stationary systolic array for outlier-victim pairs, with decoders on its two borders
// only. A tile multiplies ROWS rows of x by COLUMNS columns of w over `steps` neighbors, an even
// number. x_data (w_data) shows the next pair of each row (column): its elements enter one after the
// other, and in the clock in which x_take (w_take) is high the second of them does. Then the pair must
// make room for the next one. The sums leave by y_data in ROWS clocks, the last row first.
module ovp_array #(
    parameter ROWS          = 4,
    parameter COLUMNS       = 4,
    parameter INT_BITS      = 4,
    parameter FLINT         = 0,
    parameter MANTISSA_BITS = 1,
    parameter BIAS          = 2,
    parameter EXPONENT_BITS = 3,
    parameter MAX_SHIFT     = 10,
    parameter ACC_BITS      = 32,
    parameter STEP_BITS     = 16
) (
    input  wire                        clk,
    input  wire                        rst_n,
    input  wire                        tile_valid,
    output wire                        tile_ready,
    input  wire [STEP_BITS-1:0]        tile_steps,
    output wire                        active,
    output wire [ROWS-1:0]             x_take,
    input  wire [2*ROWS*INT_BITS-1:0]           x_data,
    output wire [COLUMNS-1:0]          w_take,
    input  wire [2*COLUMNS*INT_BITS-1:0]        w_data,
    output wire [COLUMNS-1:0]          y_valid,
    output wire [COLUMNS*ACC_BITS-1:0] y_data
);
  localparam OPERAND_BITS = EXPONENT_BITS + INT_BITS;
  localparam PAIR_BITS = 2 * INT_BITS;
  localparam TOKEN_BITS = 4;  // second of a pair, last, first, valid

  wire enter, first, last, corner;
  reg second;

  /* verilator lint_off PINCONNECTEMPTY */
  tile_control #(.LOADS(1), .STEP_BITS(STEP_BITS)) u_control (
      .clk(clk), .rst_n(rst_n), .tile_valid(tile_valid), .tile_ready(tile_ready), .loads(1'b0),
      .steps(tile_steps), .corner(corner), .active(active), .load(), .enter(enter), .first(first),
      .last(last)
  );
  /* verilator lint_on PINCONNECTEMPTY */
  always @(posedge clk) second <= rst_n & enter & ~second;

  /* verilator lint_off UNUSEDSIGNAL */
  wire [ROWS*TOKEN_BITS-1:0] row_tokens;
  wire [COLUMNS*TOKEN_BITS-1:0] column_tokens;
  /* verilator lint_on UNUSEDSIGNAL */
  wire [TOKEN_BITS-1:0] token = {second, last, first, enter};

  skew #(.BITS(TOKEN_BITS), .N(ROWS)) u_rows (
      .clk(clk), .rst_n(rst_n), .x(token), .y(row_tokens)
  );
  skew #(.BITS(TOKEN_BITS), .N(COLUMNS)) u_columns (
      .clk(clk), .rst_n(rst_n), .x(token), .y(column_tokens)
  );

  // Operands and tokens on their way right, between columns; operands and sums on their way down.
  // What leaves the last column and the last row goes nowhere.
  /* verilator lint_off UNUSEDSIGNAL */
  wire [ROWS*(COLUMNS+1)*OPERAND_BITS-1:0] x;
  wire [ROWS*(COLUMNS+1)-1:0] valids, firsts;
  wire [(ROWS+1)*COLUMNS*OPERAND_BITS-1:0] w;
  wire [(ROWS+1)*COLUMNS*ACC_BITS-1:0] sums;
  /* verilator lint_on UNUSEDSIGNAL */

  // The last token of the last row reaches the last column COLUMNS - 1 clocks after it entered.
  delay_line #(.BITS(1), .STAGES(COLUMNS - 1)) u_corner (
      .clk(clk), .rst_n(rst_n), .x(row_tokens[(ROWS-1)*TOKEN_BITS+2]), .y(corner)
  );
  wire capture;
  delay_line #(.BITS(1), .STAGES(2)) u_capture (
      .clk(clk), .rst_n(rst_n), .x(corner), .y(capture)
  );
  wire draining;
  drain_valid #(.ROWS(ROWS)) u_drain (
      .clk(clk), .rst_n(rst_n), .capture(capture), .valid(draining)
  );

  assign sums[COLUMNS*ACC_BITS-1:0] = {COLUMNS * ACC_BITS{1'b0}};
  assign y_valid = {COLUMNS{draining}};
  assign y_data = sums[ROWS*COLUMNS*ACC_BITS+:COLUMNS*ACC_BITS];

  genvar r, c;
  generate
    for (r = 0; r < ROWS; r = r + 1) begin : g_row
      wire [OPERAND_BITS-1:0] operand;
      wire is_second = row_tokens[r*TOKEN_BITS+3];
      ovp_border #(
          .INT_BITS(INT_BITS), .FLINT(FLINT), .MANTISSA_BITS(MANTISSA_BITS), .BIAS(BIAS),
          .EXPONENT_BITS(EXPONENT_BITS)
      ) u_border (
          .pair(x_data[r*PAIR_BITS+:PAIR_BITS]), .second(is_second), .operand(operand)
      );
      assign x_take[r] = row_tokens[r*TOKEN_BITS] & is_second;
      assign x[r*(COLUMNS+1)*OPERAND_BITS+:OPERAND_BITS] = operand;
      assign valids[r*(COLUMNS+1)] = row_tokens[r*TOKEN_BITS];
      assign firsts[r*(COLUMNS+1)] = row_tokens[r*TOKEN_BITS+1];
    end
    for (c = 0; c < COLUMNS; c = c + 1) begin : g_column
      wire is_second = column_tokens[c*TOKEN_BITS+3];
      ovp_border #(
          .INT_BITS(INT_BITS), .FLINT(FLINT), .MANTISSA_BITS(MANTISSA_BITS), .BIAS(BIAS),
          .EXPONENT_BITS(EXPONENT_BITS)
      ) u_border (
          .pair(w_data[c*PAIR_BITS+:PAIR_BITS]), .second(is_second), .operand(w[c*OPERAND_BITS+:OPERAND_BITS])
      );
      assign w_take[c] = column_tokens[c*TOKEN_BITS] & is_second;
    end
    for (r = 0; r < ROWS; r = r + 1) begin : g_elements
      for (c = 0; c < COLUMNS; c = c + 1) begin : g_element
        localparam HERE = r * (COLUMNS + 1) + c;
        localparam ABOVE = r * COLUMNS + c;
        localparam BELOW = ABOVE + COLUMNS;
        ovp_pe #(
            .INT_BITS(INT_BITS), .EXPONENT_BITS(EXPONENT_BITS), .MAX_SHIFT(MAX_SHIFT),
            .ACC_BITS(ACC_BITS)
        ) u_pe (
            .clk(clk), .rst_n(rst_n), .x_valid(valids[HERE]), .x_first(firsts[HERE]),
            .x_data(x[HERE*OPERAND_BITS+:OPERAND_BITS]),
            .w_data(w[ABOVE*OPERAND_BITS+:OPERAND_BITS]), .capture(capture),
            .above(sums[ABOVE*ACC_BITS+:ACC_BITS]), .right_valid(valids[HERE+1]),
            .right_first(firsts[HERE+1]), .right_data(x[(HERE+1)*OPERAND_BITS+:OPERAND_BITS]),
            .down_data(w[BELOW*OPERAND_BITS+:OPERAND_BITS]), .below(sums[BELOW*ACC_BITS+:ACC_BITS])
        );
      end
    end
  endgenerate
endmodule
