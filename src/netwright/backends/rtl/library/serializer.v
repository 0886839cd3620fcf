// Sends one word as BEATS beats, the lowest bits first. The word stays with its sender meanwhile.
module serializer #(
    parameter BITS  = 8,
    parameter BEATS = 2
) (
    input  wire                  clk,
    input  wire                  rst_n,
    input  wire                  x_valid,
    output wire                  x_ready,
    input  wire [BEATS*BITS-1:0] x_data,
    output wire                  y_valid,
    input  wire                  y_ready,
    output wire [BITS-1:0]       y_data
);
  localparam STEP_BITS = BEATS > 1 ? $clog2(BEATS) : 1;
  localparam [31:0] LAST = BEATS - 1;

  reg [STEP_BITS-1:0] step;

  wire last = step == LAST[STEP_BITS-1:0];

  assign y_valid = x_valid;
  assign y_data = x_data[step*BITS+:BITS];
  assign x_ready = y_ready & last;

  always @(posedge clk) begin
    if (!rst_n) step <= {STEP_BITS{1'b0}};
    else if (x_valid & y_ready) step <= last ? {STEP_BITS{1'b0}} : step + 1'b1;
  end
endmodule
