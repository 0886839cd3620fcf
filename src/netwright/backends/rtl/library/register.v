// q is d one clock later. It is never the state of a machine, though a table behind it may look so.
module register #(
    parameter BITS = 8
) (
    input  wire            clk,
    input  wire [BITS-1:0] d,
    (* fsm_encoding = "none", role = "pipeline" *)
    output reg  [BITS-1:0] q
);
  always @(posedge clk) q <= d;
endmodule
