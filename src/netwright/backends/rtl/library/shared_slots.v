// Counts the clocks in which the sums of one position leave: `pieces` + 1 words for each unit that
// has a channel, unit after unit. `left` is how many channels there are from the first unit on;
// `left_here` from this unit on.
module shared_slots #(
    parameter UNITS     = 2,
    parameter UNIT_BITS = 1,
    parameter ELEMENTS  = 2
) (
    input  wire                 clk,
    input  wire                 rst_n,
    input  wire                 advance,
    input  wire [1:0]           pieces,
    input  wire [15:0]          left,
    output reg  [UNIT_BITS-1:0] unit,
    output reg  [1:0]           piece,
    output wire [15:0]          left_here,
    output wire                 next_unit,
    output wire                 last
);
  localparam [31:0] LAST_UNIT = UNITS - 1;
  localparam [31:0] STEP = ELEMENTS;

  reg [15:0] passed;

  assign left_here = left - passed;
  assign next_unit = piece == pieces;
  assign last = next_unit & ((unit == LAST_UNIT[UNIT_BITS-1:0]) | (left_here <= STEP[15:0]));

  always @(posedge clk) begin
    if (!rst_n) begin
      unit <= {UNIT_BITS{1'b0}};
      piece <= 2'd0;
      passed <= 16'd0;
    end else if (advance) begin
      piece <= next_unit ? 2'd0 : piece + 2'd1;
      if (next_unit) begin
        unit <= last ? {UNIT_BITS{1'b0}} : unit + 1'b1;
        passed <= last ? 16'd0 : passed + STEP[15:0];
      end
    end
  end
endmodule
