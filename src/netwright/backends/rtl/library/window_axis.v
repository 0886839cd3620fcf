// Where a walk stands on one axis of a padded image: BEFORE places of padding, EXTENT real ones that
// lie STEP places apart, AFTER more of padding. `selected` says that a window of SPAN places that ends
// here is wanted.
module window_axis #(
    parameter EXTENT     = 5,
    parameter BEFORE     = 1,
    parameter AFTER      = 1,
    parameter SPAN       = 3,
    parameter STRIDE     = 1,
    parameter STEP       = 1,
    parameter PLACE_BITS = 3
) (
    input  wire                  clk,
    input  wire                  rst_n,
    input  wire                  advance,
    output reg  [PLACE_BITS-1:0] place,
    output wire                  is_real,
    output wire                  selected,
    output wire                  first,
    output wire                  last
);
  localparam PHASE_BITS = STRIDE > 1 ? $clog2(STRIDE) : 1;
  localparam STEP_BITS = STEP > 1 ? $clog2(STEP) : 1;
  localparam [31:0] END = BEFORE + STEP * (EXTENT - 1) + 1;
  localparam [31:0] LAST = END + AFTER - 1;
  localparam [31:0] START = BEFORE;
  localparam [31:0] REACH = SPAN - 1;
  localparam [31:0] LAST_PHASE = STRIDE - 1;
  localparam [31:0] LAST_STEP = STEP - 1;

  wire after_start;
  wire before_end;
  wire reached;
  wire in_phase;
  wire on_step;

  generate
    if (BEFORE > 0) begin : g_before
      assign after_start = place >= START[PLACE_BITS-1:0];
    end else begin : g_at_start
      assign after_start = 1'b1;
    end
    if (AFTER > 0) begin : g_after
      assign before_end = place < END[PLACE_BITS-1:0];
    end else begin : g_at_end
      assign before_end = 1'b1;
    end
    if (SPAN > 1) begin : g_reach
      assign reached = place >= REACH[PLACE_BITS-1:0];
    end else begin : g_any
      assign reached = 1'b1;
    end
    if (STRIDE > 1) begin : g_stride
      reg [PHASE_BITS-1:0] phase;
      wire phase_last = phase == LAST_PHASE[PHASE_BITS-1:0];

      assign in_phase = phase == {PHASE_BITS{1'b0}};
      always @(posedge clk) begin
        if (!rst_n) phase <= {PHASE_BITS{1'b0}};
        else if (advance & last) phase <= {PHASE_BITS{1'b0}};
        else if (advance & reached) phase <= phase_last ? {PHASE_BITS{1'b0}} : phase + 1'b1;
      end
    end else begin : g_every
      assign in_phase = 1'b1;
    end
    if (STEP > 1) begin : g_apart
      reg [STEP_BITS-1:0] between;
      wire between_last = between == LAST_STEP[STEP_BITS-1:0];

      assign on_step = between == {STEP_BITS{1'b0}};
      always @(posedge clk) begin
        if (!rst_n) between <= {STEP_BITS{1'b0}};
        else if (advance & last) between <= {STEP_BITS{1'b0}};
        else if (advance & after_start) between <= between_last ? {STEP_BITS{1'b0}} : between + 1'b1;
      end
    end else begin : g_side_by_side
      assign on_step = 1'b1;
    end
  endgenerate

  assign is_real = after_start & before_end & on_step;
  assign selected = reached & in_phase;
  assign first = place == {PLACE_BITS{1'b0}};
  assign last = place == LAST[PLACE_BITS-1:0];

  always @(posedge clk) begin
    if (!rst_n) place <= {PLACE_BITS{1'b0}};
    else if (advance) place <= last ? {PLACE_BITS{1'b0}} : place + 1'b1;
  end
endmodule
