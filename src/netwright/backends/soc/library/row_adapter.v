// A pipeline that never waits between streams: one row enters when all of its inputs are there and
// nothing is under way or kept behind it.
module row_adapter #(
    parameter INPUTS  = 1,
    parameter OUTPUTS = 1
) (
    input  wire               clk,
    input  wire               rst_n,
    input  wire [ INPUTS-1:0] x_valid,
    output wire [ INPUTS-1:0] x_ready,
    output wire               row_valid,
    input  wire               result_valid,
    input  wire [OUTPUTS-1:0] y_ready
);
  reg under_way;
  assign row_valid = (&x_valid) & (&y_ready) & ~under_way;
  assign x_ready = {INPUTS{row_valid}};
  always @(posedge clk) under_way <= rst_n & (row_valid | under_way) & ~result_valid;
endmodule
