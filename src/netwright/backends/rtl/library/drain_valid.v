// High in the ROWS clocks after `capture`, in which the results of an array leave it.
module drain_valid #(
    parameter ROWS = 4
) (
    input  wire clk,
    input  wire rst_n,
    input  wire capture,
    output wire valid
);
  localparam COUNT_BITS = $clog2(ROWS + 1);
  reg [COUNT_BITS-1:0] left;

  always @(posedge clk) begin
    if (!rst_n) left <= {COUNT_BITS{1'b0}};
    else if (capture) left <= ROWS[COUNT_BITS-1:0];
    else if (valid) left <= left - 1'b1;
  end
  assign valid = left != {COUNT_BITS{1'b0}};
endmodule
