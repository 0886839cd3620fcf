// Counts the clocks of one beat: STEPS of them, ROUNDS in all (one for each block of outputs). The
// beat stays with its sender until the last one. `take` claims the place of the result at the first.
module mac_steps #(
    parameter STEPS      = 4,
    parameter ROUNDS     = 2,
    parameter STEP_BITS  = 2,
    parameter ROUND_BITS = 1,
    parameter CLOCK_BITS = 3
) (
    input  wire                  clk,
    input  wire                  rst_n,
    input  wire                  x_valid,
    output wire                  x_ready,
    input  wire                  room,
    output wire                  take,
    output wire                  active,
    output wire                  first,
    output wire                  last,
    output wire                  done,
    output reg  [STEP_BITS-1:0]  step,
    output reg  [ROUND_BITS-1:0] round,
    output reg  [CLOCK_BITS-1:0] count
);
  localparam [31:0] LAST_STEP = STEPS - 1;
  localparam [31:0] LAST_ROUND = ROUNDS - 1;

  wire running = count != {CLOCK_BITS{1'b0}};

  assign take = x_valid & room & ~running;
  assign active = take | running;
  assign first = step == {STEP_BITS{1'b0}};
  assign last = step == LAST_STEP[STEP_BITS-1:0];
  assign done = last & (round == LAST_ROUND[ROUND_BITS-1:0]);
  assign x_ready = active & done;

  always @(posedge clk) begin
    if (!rst_n) begin
      step <= {STEP_BITS{1'b0}};
      round <= {ROUND_BITS{1'b0}};
      count <= {CLOCK_BITS{1'b0}};
    end else if (active) begin
      step <= last ? {STEP_BITS{1'b0}} : step + 1'b1;
      round <= done ? {ROUND_BITS{1'b0}} : round + {{(ROUND_BITS - 1) {1'b0}}, last};
      count <= done ? {CLOCK_BITS{1'b0}} : count + 1'b1;
    end
  end
endmodule
