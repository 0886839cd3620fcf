// Says which beat of a stream is the last of its row, and counts rows.
module row_beats #(
    parameter BEATS = 2
) (
    input  wire        clk,
    input  wire        rst_n,
    input  wire        moves,
    output wire        last,
    output reg  [31:0] rows
);
  localparam COUNT_BITS = BEATS > 1 ? $clog2(BEATS) : 1;
  localparam [31:0] LAST = BEATS - 1;
  reg [COUNT_BITS-1:0] count;
  assign last = count == LAST[COUNT_BITS-1:0];
  always @(posedge clk) begin
    if (!rst_n) begin
      count <= {COUNT_BITS{1'b0}};
      rows <= 32'd0;
    end else if (moves) begin
      count <= last ? {COUNT_BITS{1'b0}} : count + 1'b1;
      if (last) rows <= rows + 32'd1;
    end
  end
endmodule
