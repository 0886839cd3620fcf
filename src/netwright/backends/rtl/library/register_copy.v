// One of the three copies of a register, with the voter that it takes its value from while nothing
// is written. Synthesis must not see that the others are equal to it.
(* keep_hierarchy *)
module register_copy #(
    parameter BITS = 8
) (
    input  wire            clk,
    input  wire [BITS-1:0] write,
    input  wire [BITS-1:0] d,
    input  wire [BITS-1:0] left,
    input  wire [BITS-1:0] right,
    (* fsm_encoding = "none" *)
    output reg  [BITS-1:0] q,
    output wire [BITS-1:0] vote
);
  assign vote = q & left | q & right | left & right;
  always @(posedge clk) q <= write & d | ~write & vote;
endmodule
