// A register that is held three times and read as the majority, bit by bit.
// What d holds when nothing is written comes from q, so one clock heals every copy.
(* keep_hierarchy *)
module voted_register #(
    parameter BITS = 8
) (
    input  wire            clk,
    input  wire [BITS-1:0] d,
    output wire [BITS-1:0] q
);
  wire [BITS-1:0] a;
  wire [BITS-1:0] b;
  wire [BITS-1:0] c;

  register_copy #(.BITS(BITS)) u_a (.clk(clk), .d(d), .q(a));
  register_copy #(.BITS(BITS)) u_b (.clk(clk), .d(d), .q(b));
  register_copy #(.BITS(BITS)) u_c (.clk(clk), .d(d), .q(c));

  assign q = a & b | a & c | b & c;
endmodule
