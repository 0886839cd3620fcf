// Walks through one layer: for every block of channels and every position the places of a window,
// LANES words at a time, once for each plane of the source and each byte of the weights. A new
// position begins when all places of the last one were issued and its sums have had the clocks in
// which they leave. `index` counts words from where the source begins; it is below 0 in the padding.
module shared_issue #(
    parameter LANES     = 8,
    parameter UNITS     = 2,
    parameter UNIT_BITS = 1,
    parameter ELEMENTS  = 2
) (
    input  wire               clk,
    input  wire               rst_n,
    input  wire               start,
    input  wire [15:0]        positions,
    input  wire [15:0]        blocks,
    input  wire [15:0]        steps,
    input  wire [1:0]         planes,
    input  wire [2:0]         digits,
    input  wire [1:0]         pieces,
    input  wire               same_rows,
    input  wire signed [17:0] first_index,
    input  wire [15:0]        position_stride,
    input  wire [15:0]        block_stride,
    input  wire [15:0]        channels,
    input  wire [15:0]        first_row,
    output reg                running,
    output wire               issue,
    output wire signed [17:0] index,
    output reg  [1:0]         plane,
    output reg  [15:0]        row,
    output wire               first,
    output wire               shift,
    output wire               last
);
  localparam [31:0] STEP = LANES;
  localparam [31:0] BLOCK = UNITS * ELEMENTS;

  reg [15:0] position;
  reg [15:0] block;
  reg [15:0] step;
  reg [2:0] digit;
  reg [15:0] left;
  reg [15:0] block_row;
  reg signed [17:0] block_index;
  reg signed [17:0] position_index;
  reg signed [17:0] inner_index;
  reg issued;
  reg left_all;

  // The same clocks as those in which the sums will leave.
  wire slots_last;
  /* verilator lint_off UNUSEDSIGNAL */
  wire [UNIT_BITS-1:0] slot_unit;
  wire [1:0] slot_piece;
  wire [15:0] slot_left;
  wire slot_next;
  /* verilator lint_on UNUSEDSIGNAL */

  shared_slots #(.UNITS(UNITS), .UNIT_BITS(UNIT_BITS), .ELEMENTS(ELEMENTS)) u_slots (
      .clk(clk), .rst_n(rst_n), .advance(running & ~left_all), .pieces(pieces), .left(left),
      .unit(slot_unit), .piece(slot_piece), .left_here(slot_left), .next_unit(slot_next),
      .last(slots_last)
  );

  wire last_step = step == steps;
  wire last_plane = plane == planes;
  wire last_digit = digit == digits;
  wire at_start = (step == 16'd0) & (plane == 2'd0);

  assign issue = running & ~issued;
  assign index = inner_index;
  assign first = issue & at_start & (digit == 3'd0);
  assign shift = at_start & (digit != 3'd0);
  assign last = issue & last_step & last_plane & last_digit;

  wire done = (issued | last) & (left_all | slots_last);
  wire last_position = position == positions;
  wire last_block = block == blocks;
  wire [15:0] next_row = row + {15'd0, issue};
  wire [15:0] next_block_row = same_rows ? block_row : next_row;
  wire signed [17:0] next_block_index = block_index + $signed({2'd0, block_stride});
  wire signed [17:0] next_index = position_index + $signed({2'd0, position_stride});
  wire signed [17:0] begin_index = last_position ? next_block_index : next_index;

  always @(posedge clk) begin
    if (!rst_n) begin
      running <= 1'b0;
      issued <= 1'b0;
      left_all <= 1'b0;
    end else if (start) begin
      running <= 1'b1;
      issued <= 1'b0;
      left_all <= 1'b0;
    end else if (running) begin
      issued <= (issued | last) & ~done;
      left_all <= (left_all | slots_last) & ~done;
      if (done & last_position & last_block) running <= 1'b0;
    end

    if (start) begin
      position <= 16'd0;
      block <= 16'd0;
      left <= channels;
      row <= first_row;
      block_row <= first_row;
      block_index <= first_index;
      position_index <= first_index;
    end else if (done) begin
      position <= last_position ? 16'd0 : position + 16'd1;
      row <= last_position ? next_block_row : block_row;
      position_index <= begin_index;
      if (last_position) begin
        block <= block + 16'd1;
        left <= left - BLOCK[15:0];
        block_row <= next_block_row;
        block_index <= next_block_index;
      end
    end else if (issue) begin
      row <= next_row;
    end

    if (start) begin
      step <= 16'd0;
      plane <= 2'd0;
      digit <= 3'd0;
      inner_index <= first_index;
    end else if (done) begin
      step <= 16'd0;
      plane <= 2'd0;
      digit <= 3'd0;
      inner_index <= begin_index;
    end else if (issue) begin
      step <= last_step ? 16'd0 : step + 16'd1;
      inner_index <= last_step ? position_index : inner_index + $signed(STEP[17:0]);
      if (last_step) begin
        plane <= last_plane ? 2'd0 : plane + 2'd1;
        if (last_plane) digit <= digit + 3'd1;
      end
    end
  end
endmodule
