// q is d one clock later.
module register #(
    parameter BITS = 8
) (
    input  wire            clk,
    input  wire [BITS-1:0] d,
    output reg  [BITS-1:0] q
);
  always @(posedge clk) q <= d;
endmodule
