// A queue whose places are claimed ahead: `room` says that one is free, `take` claims it, and the
// data arrive later with x_valid. So the pipeline before the queue never has to wait.
module credit_fifo #(
    parameter BITS  = 8,
    parameter DEPTH = 2
) (
    input  wire            clk,
    input  wire            rst_n,
    input  wire            take,
    output wire            room,
    input  wire            x_valid,
    input  wire [BITS-1:0] x_data,
    output wire            y_valid,
    input  wire            y_ready,
    output wire [BITS-1:0] y_data
);
  localparam COUNT_BITS = $clog2(DEPTH + 1);
  localparam PLACE_BITS = DEPTH > 1 ? $clog2(DEPTH) : 1;
  localparam [31:0] FULL = DEPTH;
  localparam [31:0] LAST = DEPTH - 1;

  reg [BITS-1:0] places[0:DEPTH-1];
  reg [PLACE_BITS-1:0] write_place;
  reg [PLACE_BITS-1:0] read_place;
  reg [COUNT_BITS-1:0] claimed;
  reg [COUNT_BITS-1:0] stored;

  wire leave = y_valid & y_ready;
  wire write_last = write_place == LAST[PLACE_BITS-1:0];
  wire read_last = read_place == LAST[PLACE_BITS-1:0];
  wire [PLACE_BITS-1:0] next_write = write_last ? {PLACE_BITS{1'b0}} : write_place + 1'b1;
  wire [PLACE_BITS-1:0] next_read = read_last ? {PLACE_BITS{1'b0}} : read_place + 1'b1;

  assign room = claimed != FULL[COUNT_BITS-1:0];
  assign y_valid = stored != {COUNT_BITS{1'b0}};
  assign y_data = places[read_place];

  always @(posedge clk) begin
    if (x_valid) places[write_place] <= x_data;
    if (!rst_n) begin
      write_place <= {PLACE_BITS{1'b0}};
      read_place <= {PLACE_BITS{1'b0}};
      claimed <= {COUNT_BITS{1'b0}};
      stored <= {COUNT_BITS{1'b0}};
    end else begin
      if (x_valid) write_place <= next_write;
      if (leave) read_place <= next_read;
      if (take & ~leave) claimed <= claimed + 1'b1;
      else if (leave & ~take) claimed <= claimed - 1'b1;
      if (x_valid & ~leave) stored <= stored + 1'b1;
      else if (leave & ~x_valid) stored <= stored - 1'b1;
    end
  end
endmodule
