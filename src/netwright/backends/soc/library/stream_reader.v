// Beats of a stream as words on the bus: every element of a row in one or two words of its own, with
// its sign. A row stays until it is given up; the next one waits in the stream.
module stream_reader #(
    parameter BITS          = 8,
    parameter SIGNED        = 1,
    parameter LANES         = 1,
    parameter ELEMENTS      = 4,
    parameter ELEMENT_WORDS = 1
) (
    input  wire                  clk,
    input  wire                  rst_n,
    input  wire                  give_up,
    output wire                  done,
    input  wire                  x_valid,
    output wire                  x_ready,
    input  wire [LANES*BITS-1:0] x_data,
    input  wire [          21:0] place,
    output reg  [          31:0] read_data
);
  localparam LANE_BITS = $clog2(LANES + 1);
  localparam ELEMENT_BITS = $clog2(ELEMENTS + 1);
  localparam PLACE_BITS = $clog2(ELEMENTS) > 0 ? $clog2(ELEMENTS) : 1;
  localparam WIDE = 32 * ELEMENT_WORDS;
  localparam [31:0] FULL = LANES;
  localparam [31:0] ALL = ELEMENTS;

  reg [WIDE-1:0] words[0:ELEMENTS-1];
  reg [LANES*BITS-1:0] beat;
  reg [LANE_BITS-1:0] left;
  reg [ELEMENT_BITS-1:0] element;
  wire sign = SIGNED ? beat[BITS-1] : 1'b0;
  wire [WIDE-1:0] value;
  wire [LANES*BITS+BITS-1:0] shifted = {{BITS{1'b0}}, beat};

  generate
    if (BITS < WIDE) begin : g_extended
      assign value = {{WIDE - BITS{sign}}, beat[BITS-1:0]};
    end else begin : g_whole
      assign value = beat[BITS-1:0];
    end
  endgenerate
  assign done = element == ALL[ELEMENT_BITS-1:0];
  assign x_ready = left == {LANE_BITS{1'b0}} & ~done;

  always @(posedge clk) begin
    if (!rst_n) begin
      left <= {LANE_BITS{1'b0}};
      element <= {ELEMENT_BITS{1'b0}};
    end else begin
      if (x_valid & x_ready) begin
        beat <= x_data;
        left <= FULL[LANE_BITS-1:0];
      end else if (left != {LANE_BITS{1'b0}}) begin
        beat <= shifted[LANES*BITS+BITS-1:BITS];
        left <= left - 1'b1;
        element <= element + 1'b1;
      end else if (done & give_up) element <= {ELEMENT_BITS{1'b0}};
    end
  end
  always @(posedge clk)
    if (left != {LANE_BITS{1'b0}}) words[element[PLACE_BITS-1:0]] <= value;

  // Two words of an element lie one after the other, the lower one first.
  generate
    if (ELEMENT_WORDS == 1) begin : g_one
      wire [31:0] all = words[place[PLACE_BITS-1:0]];
      always @(posedge clk) read_data <= all;
    end else begin : g_two
      wire [63:0] all = words[place[PLACE_BITS:1]];
      always @(posedge clk) read_data <= place[0] ? all[63:32] : all[31:0];
    end
  endgenerate
endmodule
