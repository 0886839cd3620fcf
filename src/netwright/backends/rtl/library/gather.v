// Collects BEATS beats into one word, the first in the lowest bits. y_valid is a pulse: `take`
// claims the word's place one clock before.
module gather #(
    parameter BITS  = 8,
    parameter BEATS = 2
) (
    input  wire                  clk,
    input  wire                  rst_n,
    input  wire                  x_valid,
    output wire                  x_ready,
    input  wire [BITS-1:0]       x_data,
    input  wire                  room,
    output wire                  take,
    output reg                   y_valid,
    output reg  [BEATS*BITS-1:0] y_data
);
  localparam STEP_BITS = BEATS > 1 ? $clog2(BEATS) : 1;
  localparam [31:0] LAST = BEATS - 1;

  reg [STEP_BITS-1:0] step;

  wire last = step == LAST[STEP_BITS-1:0];
  wire advance = x_valid & x_ready;

  assign x_ready = room | ~last;
  assign take = advance & last;

  generate
    if (BEATS > 1) begin : g_shift
      always @(posedge clk) if (advance) y_data <= {x_data, y_data[BEATS*BITS-1:BITS]};
    end else begin : g_single
      always @(posedge clk) if (advance) y_data <= x_data;
    end
  endgenerate

  always @(posedge clk) begin
    y_valid <= rst_n & take;
    if (!rst_n) step <= {STEP_BITS{1'b0}};
    else if (advance) step <= last ? {STEP_BITS{1'b0}} : step + 1'b1;
  end
endmodule
