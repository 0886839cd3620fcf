// Runs the tiles of a systolic array: LOADS clocks to load it, if asked for, then `steps` clocks in
// which operands enter its first element. It is ready for the next tile in the clock in which the
// last operands enter the last element (`corner`). `active` is high from the first clock to that one.
module tile_control #(
    parameter LOADS     = 4,
    parameter STEP_BITS = 16
) (
    input  wire                 clk,
    input  wire                 rst_n,
    input  wire                 tile_valid,
    output wire                 tile_ready,
    input  wire                 loads,
    input  wire [STEP_BITS-1:0] steps,
    input  wire                 corner,
    output wire                 active,
    output wire                 load,
    output wire                 enter,
    output wire                 first,
    output wire                 last
);
  localparam LOAD_BITS = LOADS > 1 ? $clog2(LOADS) : 1;
  localparam [LOAD_BITS-1:0] LAST_LOAD = LOADS[LOAD_BITS-1:0] - 1'b1;
  localparam [STEP_BITS-1:0] ONE = {{(STEP_BITS - 1) {1'b0}}, 1'b1};

  reg busy, loading, entering, starting;
  reg [LOAD_BITS-1:0] loaded;
  reg [STEP_BITS-1:0] left;

  assign tile_ready = ~busy | corner;
  assign active = busy;
  assign load = loading;
  assign enter = entering;
  assign first = entering & starting;
  assign last = entering & left == ONE;

  always @(posedge clk) begin
    if (!rst_n) begin
      busy <= 1'b0;
      loading <= 1'b0;
      entering <= 1'b0;
    end else if (tile_ready) begin
      busy <= tile_valid;
      loading <= tile_valid & loads;
      entering <= tile_valid & ~loads;
      starting <= 1'b1;
      loaded <= {LOAD_BITS{1'b0}};
      left <= steps;
    end else if (loading) begin
      loaded <= loaded + 1'b1;
      loading <= loaded != LAST_LOAD;
      entering <= loaded == LAST_LOAD;
    end else if (entering) begin
      left <= left - ONE;
      starting <= 1'b0;
      entering <= left != ONE;
    end
  end
endmodule
