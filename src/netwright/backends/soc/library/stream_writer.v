// Words from the bus as beats of a stream: samples of SAMPLE_BITS, the first in the lowest bits of a
// word, of which an element keeps BITS. What is left of a row's last word is dropped.
module stream_writer #(
    parameter SAMPLE_BITS = 16,
    parameter BITS        = 8,
    parameter LANES       = 1,
    parameter ELEMENTS    = 4
) (
    input  wire                  clk,
    input  wire                  rst_n,
    input  wire                  word_valid,
    output wire                  word_ready,
    input  wire [          31:0] word_data,
    output wire                  row_begins,
    output reg                   row_ends,
    output wire                  y_valid,
    input  wire                  y_ready,
    output wire [LANES*BITS-1:0] y_data
);
  localparam [31:0] SAMPLES = 32 / SAMPLE_BITS;
  localparam LANE_BITS = $clog2(LANES + 1);
  localparam ELEMENT_BITS = $clog2(ELEMENTS + 1);
  localparam [31:0] FULL = LANES;
  localparam [31:0] LAST = ELEMENTS - 1;

  reg [31:0] word;
  reg [2:0] left;
  reg [LANE_BITS-1:0] lanes;
  reg [ELEMENT_BITS-1:0] element;
  reg [LANES*BITS-1:0] beat;
  wire taken = y_valid & y_ready;
  wire moves = left != 3'd0 & (~y_valid | taken);
  wire last = element == LAST[ELEMENT_BITS-1:0];
  wire [LANES*BITS+BITS-1:0] shifted = {word[BITS-1:0], beat};

  assign y_valid = lanes == FULL[LANE_BITS-1:0];
  assign y_data = beat;
  assign word_ready = left == 3'd0;
  assign row_begins = word_valid & word_ready & element == {ELEMENT_BITS{1'b0}};

  always @(posedge clk) begin
    row_ends <= 1'b0;
    if (!rst_n) begin
      left <= 3'd0;
      lanes <= {LANE_BITS{1'b0}};
      element <= {ELEMENT_BITS{1'b0}};
    end else begin
      if (word_valid & word_ready) begin
        word <= word_data;
        left <= SAMPLES[2:0];
      end
      if (moves) begin
        beat <= shifted[LANES*BITS+BITS-1:BITS];
        word <= word >> SAMPLE_BITS;
        left <= last ? 3'd0 : left - 3'd1;
        element <= last ? {ELEMENT_BITS{1'b0}} : element + 1'b1;
        row_ends <= last;
        lanes <= taken ? {{LANE_BITS - 1{1'b0}}, 1'b1} : lanes + 1'b1;
      end else if (taken) lanes <= {LANE_BITS{1'b0}};
    end
  end
endmodule
