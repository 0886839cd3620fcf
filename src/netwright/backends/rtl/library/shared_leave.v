// Walks through the results of one layer in the order in which they are made: `arrive` says that
// the sums of a position are there, which then leave unit after unit. `row` is the row of the
// table of multipliers, `address` where the words of all elements begin, `left` how many of them
// are channels. `last` is the last word of the layer.
module shared_leave #(
    parameter UNITS     = 2,
    parameter UNIT_BITS = 1,
    parameter ELEMENTS  = 2
) (
    input  wire                 clk,
    input  wire                 rst_n,
    input  wire                 start,
    input  wire                 arrive,
    input  wire [15:0]          positions,
    input  wire [15:0]          blocks,
    input  wire [1:0]           pieces,
    input  wire [15:0]          channels,
    input  wire [15:0]          first_row,
    input  wire [15:0]          target,
    input  wire [15:0]          position_stride,
    input  wire [15:0]          piece_stride,
    output wire                 leaving,
    output wire [UNIT_BITS-1:0] unit,
    output wire [1:0]           piece,
    output wire [15:0]          row,
    output wire [16:0]          address,
    output wire [15:0]          left,
    output wire                 last
);
  localparam [31:0] STEP = ELEMENTS;
  localparam [31:0] BLOCK = UNITS * ELEMENTS;
  localparam [31:0] ROWS = UNITS;

  reg busy;
  reg [15:0] position;
  reg [15:0] block;
  reg [15:0] block_left;
  reg [15:0] block_row;
  reg [16:0] block_address;
  reg [16:0] position_address;
  reg [16:0] unit_address;
  reg [16:0] piece_address;

  wire next_unit, done;
  wire last_position = position == positions;
  wire last_block = block == blocks;
  wire [16:0] next_block = block_address + BLOCK[16:0];
  wire [16:0] next_position = position_address + {1'b0, position_stride};
  wire [16:0] next_address = last_position ? next_block : next_position;

  assign leaving = arrive | busy;
  assign row = block_row + {{(16 - UNIT_BITS) {1'b0}}, unit};
  assign address = unit_address + piece_address;
  assign last = leaving & done & last_position & last_block;

  shared_slots #(.UNITS(UNITS), .UNIT_BITS(UNIT_BITS), .ELEMENTS(ELEMENTS)) u_slots (
      .clk(clk), .rst_n(rst_n), .advance(leaving), .pieces(pieces), .left(block_left),
      .unit(unit), .piece(piece), .left_here(left), .next_unit(next_unit), .last(done)
  );

  always @(posedge clk) begin
    busy <= rst_n & leaving & ~done;
    if (start) begin
      position <= 16'd0;
      block <= 16'd0;
      block_left <= channels;
      block_row <= first_row;
      block_address <= {1'b0, target};
      position_address <= {1'b0, target};
      unit_address <= {1'b0, target};
      piece_address <= 17'd0;
    end else if (leaving & done) begin
      position <= last_position ? 16'd0 : position + 16'd1;
      position_address <= next_address;
      unit_address <= next_address;
      piece_address <= 17'd0;
      if (last_position) begin
        block <= block + 16'd1;
        block_left <= block_left - BLOCK[15:0];
        block_row <= block_row + ROWS[15:0];
        block_address <= next_block;
      end
    end else if (leaving) begin
      piece_address <= next_unit ? 17'd0 : piece_address + {1'b0, piece_stride};
      if (next_unit) unit_address <= unit_address + STEP[16:0];
    end
  end
endmodule
