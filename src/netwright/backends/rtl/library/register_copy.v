// One of the three copies of a register. Synthesis must not see that the others are equal to it.
(* keep_hierarchy *)
module register_copy #(
    parameter BITS = 8
) (
    input  wire            clk,
    input  wire [BITS-1:0] d,
    (* fsm_encoding = "none" *)
    output reg  [BITS-1:0] q
);
  always @(posedge clk) q <= d;
endmodule
