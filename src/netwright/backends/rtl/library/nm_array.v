// A systolic array for N:M sparse (KEPT of GROUP weights) and dense products, output or weight
// stationary from tile to tile. Groups of x enter from the left, one of GROUP elements after the
// other, and stay in front of a row for as many clocks as its weights take: KEPT, or if `tile_dense`
// GROUP output stationary and SLOTS weight stationary, where an element holds no more weights.
// Output stationary, a tile makes ROWS x COLUMNS sums; weights enter from above, one a clock. Weight
// stationary, it first loads the SLOTS weights of every element in ROWS clocks, those of the last row
// first, and then gives COLUMNS sums over ROWS groups for each group of x that entered.
// x_data (w_data) shows what comes next; it must make room in clocks in which x_take (w_take) is high.
module nm_array #(
    parameter ROWS       = 4,
    parameter COLUMNS    = 4,
    parameter KEPT       = 2,
    parameter GROUP      = 8,
    parameter SLOTS      = 2,
    parameter INDEX_BITS = 3,
    parameter VALUE_BITS = 8,
    parameter ACC_BITS   = 32,
    parameter FLOAT      = 0,
    parameter STEP_BITS  = 16
) (
    input  wire                                             clk,
    input  wire                                             rst_n,
    input  wire                                             tile_valid,
    output wire                                             tile_ready,
    input  wire [STEP_BITS-1:0]                             tile_steps,
    input  wire                                             tile_stationary,  // 1: weights
    input  wire                                             tile_dense,
    output wire                                             active,
    output wire [ROWS-1:0]                                  x_take,
    input  wire [ROWS*GROUP*VALUE_BITS-1:0]                 x_data,
    output wire [COLUMNS-1:0]                               w_take,
    input  wire [COLUMNS*SLOTS*(INDEX_BITS+VALUE_BITS)-1:0] w_data,
    output wire [COLUMNS-1:0]                               y_valid,
    output wire [COLUMNS*ACC_BITS-1:0]                      y_data
);
  localparam X_BITS = GROUP * VALUE_BITS;
  localparam W_BITS = SLOTS * (INDEX_BITS + VALUE_BITS);
  localparam SLOT_BITS = INDEX_BITS;
  localparam TOKEN_BITS = SLOT_BITS + 4;  // slot, last of a tile, last of a group, first, valid
  localparam KEPT_LESS = KEPT - 1, GROUP_LESS = GROUP - 1, SLOTS_LESS = SLOTS - 1;

  // The next tile begins while the last element still multiplies: it learns of it one clock later.
  reg weight_stationary, dense, elements_stationary, elements_dense;
  wire load, enter, first, last, corner;
  reg [SLOT_BITS-1:0] slot;
  wire [SLOT_BITS-1:0] last_slot = !dense ? KEPT_LESS[SLOT_BITS-1:0]
      : weight_stationary ? SLOTS_LESS[SLOT_BITS-1:0] : GROUP_LESS[SLOT_BITS-1:0];
  wire group_ends = slot == last_slot;

  tile_control #(.LOADS(ROWS), .STEP_BITS(STEP_BITS)) u_control (
      .clk(clk), .rst_n(rst_n), .tile_valid(tile_valid), .tile_ready(tile_ready),
      .loads(tile_stationary), .steps(tile_steps), .corner(corner), .active(active), .load(load),
      .enter(enter), .first(first), .last(last)
  );

  always @(posedge clk) begin
    if (tile_ready) begin
      weight_stationary <= tile_stationary;
      dense <= tile_dense;
    end
    elements_stationary <= weight_stationary;
    elements_dense <= dense;
    slot <= !rst_n || !enter || group_ends ? {SLOT_BITS{1'b0}} : slot + 1'b1;
  end

  // What leaves the last column and the last row goes nowhere.
  /* verilator lint_off UNUSEDSIGNAL */
  wire [ROWS*TOKEN_BITS-1:0] row_tokens;
  wire [ROWS*(COLUMNS+1)*TOKEN_BITS-1:0] tokens;
  wire [ROWS*(COLUMNS+1)*X_BITS-1:0] x;
  wire [(ROWS+1)*COLUMNS*W_BITS-1:0] w;
  wire [(ROWS+1)*COLUMNS*ACC_BITS-1:0] sums, results;
  /* verilator lint_on UNUSEDSIGNAL */
  wire [COLUMNS-1:0] column_valid;
  wire [COLUMNS-1:0] edge_valid;
  wire capture, draining;

  skew #(.BITS(TOKEN_BITS), .N(ROWS)) u_rows (
      .clk(clk), .rst_n(rst_n), .x({slot, last, group_ends, first, enter}), .y(row_tokens)
  );
  skew #(.BITS(1), .N(COLUMNS)) u_columns (
      .clk(clk), .rst_n(rst_n), .x(enter), .y(column_valid)
  );
  assign corner = tokens[(ROWS*(COLUMNS+1)-2)*TOKEN_BITS+3];
  delay_line #(.BITS(1), .STAGES(2)) u_capture (
      .clk(clk), .rst_n(rst_n), .x(corner & ~weight_stationary), .y(capture)
  );
  drain_valid #(.ROWS(ROWS)) u_drain (
      .clk(clk), .rst_n(rst_n), .capture(capture), .valid(draining)
  );

  assign w[COLUMNS*W_BITS-1:0] = w_data;
  assign w_take = weight_stationary ? {COLUMNS{load}} : column_valid;
  assign sums[COLUMNS*ACC_BITS-1:0] = {COLUMNS * ACC_BITS{1'b0}};
  assign results[COLUMNS*ACC_BITS-1:0] = {COLUMNS * ACC_BITS{1'b0}};
  assign y_valid = {COLUMNS{draining}} | edge_valid;

  genvar r, c;
  generate
    for (r = 0; r < ROWS; r = r + 1) begin : g_row
      localparam LEFT = r * (COLUMNS + 1);
      assign tokens[LEFT*TOKEN_BITS+:TOKEN_BITS] = row_tokens[r*TOKEN_BITS+:TOKEN_BITS];
      assign x[LEFT*X_BITS+:X_BITS] = x_data[r*X_BITS+:X_BITS];
      assign x_take[r] = row_tokens[r*TOKEN_BITS] & row_tokens[r*TOKEN_BITS+2];
      for (c = 0; c < COLUMNS; c = c + 1) begin : g_element
        localparam HERE = LEFT + c;
        localparam ABOVE = r * COLUMNS + c;
        localparam BELOW = ABOVE + COLUMNS;
        delay_line #(.BITS(2), .STAGES(1)) u_ends (
            .clk(clk), .rst_n(rst_n), .x(tokens[HERE*TOKEN_BITS+2+:2]),
            .y(tokens[(HERE+1)*TOKEN_BITS+2+:2])
        );
        nm_pe #(
            .GROUP(GROUP), .SLOTS(SLOTS), .INDEX_BITS(INDEX_BITS), .SLOT_BITS(SLOT_BITS),
            .VALUE_BITS(VALUE_BITS), .ACC_BITS(ACC_BITS), .FLOAT(FLOAT)
        ) u_pe (
            .clk(clk), .rst_n(rst_n), .weight_stationary(elements_stationary),
            .dense(elements_dense), .shift_weights(load | ~weight_stationary), .capture(capture),
            .x_valid(tokens[HERE*TOKEN_BITS]), .x_first(tokens[HERE*TOKEN_BITS+1]),
            .x_slot(tokens[HERE*TOKEN_BITS+4+:SLOT_BITS]), .x_data(x[HERE*X_BITS+:X_BITS]),
            .w_data(w[ABOVE*W_BITS+:W_BITS]), .sum_above(sums[ABOVE*ACC_BITS+:ACC_BITS]),
            .result_above(results[ABOVE*ACC_BITS+:ACC_BITS]),
            .right_valid(tokens[(HERE+1)*TOKEN_BITS]),
            .right_first(tokens[(HERE+1)*TOKEN_BITS+1]),
            .right_slot(tokens[(HERE+1)*TOKEN_BITS+4+:SLOT_BITS]),
            .right_data(x[(HERE+1)*X_BITS+:X_BITS]), .down_data(w[BELOW*W_BITS+:W_BITS]),
            .sum_below(sums[BELOW*ACC_BITS+:ACC_BITS]),
            .result_below(results[BELOW*ACC_BITS+:ACC_BITS])
        );
      end
    end
    for (c = 0; c < COLUMNS; c = c + 1) begin : g_column
      localparam CORNER = ((ROWS - 1) * (COLUMNS + 1) + c + 1) * TOKEN_BITS;
      wire [ACC_BITS-1:0] total;
      nm_edge #(.ACC_BITS(ACC_BITS), .FLOAT(FLOAT)) u_edge (
          .clk(clk), .rst_n(rst_n), .valid(tokens[CORNER] & elements_stationary),
          .first(tokens[CORNER+4+:SLOT_BITS] == {SLOT_BITS{1'b0}}), .last(tokens[CORNER+2]),
          .sum(sums[(ROWS*COLUMNS+c)*ACC_BITS+:ACC_BITS]), .y_valid(edge_valid[c]), .y_data(total)
      );
      assign y_data[c*ACC_BITS+:ACC_BITS] = draining
          ? results[(ROWS*COLUMNS+c)*ACC_BITS+:ACC_BITS] : total;
    end
  endgenerate
endmodule
