// A register that is held three times and read as the majority, bit by bit.
// Every copy has a voter of its own: when nothing is written it takes the majority, so one clock
// heals it, and a voter that fails for a moment spoils one copy only.
(* keep_hierarchy *)
module voted_register #(
    parameter BITS = 8
) (
    input  wire            clk,
    input  wire [BITS-1:0] write,
    input  wire [BITS-1:0] d,
    output wire [BITS-1:0] q
);
  wire [BITS-1:0] a;
  wire [BITS-1:0] b;
  wire [BITS-1:0] c;
  /* verilator lint_off UNUSEDSIGNAL */
  wire [BITS-1:0] vote_b;
  wire [BITS-1:0] vote_c;
  /* verilator lint_on UNUSEDSIGNAL */

  register_copy #(.BITS(BITS)) u_a (
      .clk(clk), .write(write), .d(d), .left(b), .right(c), .q(a), .vote(q)
  );
  register_copy #(.BITS(BITS)) u_b (
      .clk(clk), .write(write), .d(d), .left(c), .right(a), .q(b), .vote(vote_b)
  );
  register_copy #(.BITS(BITS)) u_c (
      .clk(clk), .write(write), .d(d), .left(a), .right(b), .q(c), .vote(vote_c)
  );
endmodule
