// When a row began to enter the network, when it was in it, and when its results were there.
module row_times (
    input  wire        clk,
    input  wire        rst_n,
    input  wire [31:0] now,
    input  wire        begins,
    input  wire        ends,
    input  wire        done,
    input  wire        next_row,
    output reg  [31:0] first_time,
    output reg  [31:0] last_time,
    output reg  [31:0] done_time
);
  reg begun, was_done;
  always @(posedge clk) begin
    was_done <= done;
    if (begins & ~begun) first_time <= now;
    if (ends) last_time <= now;
    if (done & ~was_done) done_time <= now;
    begun <= rst_n & ~next_row & (begun | begins);
  end
endmodule
