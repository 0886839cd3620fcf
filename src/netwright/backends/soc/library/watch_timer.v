// Counts clocks, and resets the core when something was `active` for `limit` clocks without a kick.
module watch_timer (
    input  wire        clk,
    input  wire        rst_n,
    input  wire        active,
    input  wire [31:0] limit,
    input  wire        kick,
    output reg  [31:0] now,
    output reg         expired
);
  reg [31:0] waited;
  wire late = active & limit != 32'd0 & waited == limit;
  always @(posedge clk) begin
    expired <= rst_n & late;
    now <= rst_n ? now + 32'd1 : 32'd0;
    waited <= rst_n & active & ~kick & ~late ? waited + 32'd1 : 32'd0;
  end
endmodule
