// Weights that can be loaded: LANES memories of DEPTH words, read together one clock after the
// address. A write goes to one word of one lane; it must not meet a beat that is being computed.
module weight_ram #(
    parameter BITS         = 8,
    parameter LANES        = 3,
    parameter DEPTH        = 4,
    parameter ADDRESS_BITS = 2,
    parameter LANE_BITS    = 2
) (
    input  wire                    clk,
    input  wire                    write,
    input  wire [LANE_BITS-1:0]    write_lane,
    input  wire [ADDRESS_BITS-1:0] write_address,
    input  wire [BITS-1:0]         write_data,
    input  wire [ADDRESS_BITS-1:0] address,
    output wire [LANES*BITS-1:0]   word
);
  genvar lane;
  generate
    for (lane = 0; lane < LANES; lane = lane + 1) begin : g_lane
      localparam [31:0] NUMBER = lane;
      reg [BITS-1:0] words[0:DEPTH-1];
      reg [BITS-1:0] kept;

      assign word[lane*BITS+:BITS] = kept;
      always @(posedge clk) begin
        if (write && write_lane == NUMBER[LANE_BITS-1:0]) words[write_address] <= write_data;
        kept <= words[address];
      end
    end
  endgenerate
endmodule
