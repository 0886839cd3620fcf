// y[i] is x[(i + amount) modulo COUNT]: words turned around by one multiplexer for each bit of
// `amount`. COUNT is a power of two, of PLACE_BITS bits.
module shared_rotate #(
    parameter COUNT      = 8,
    parameter PLACE_BITS = 3,
    parameter BITS       = 16
) (
    input  wire [COUNT*BITS-1:0] x,
    input  wire [PLACE_BITS-1:0] amount,
    output wire [COUNT*BITS-1:0] y
);
  genvar level;
  generate
    for (level = 0; level <= PLACE_BITS; level = level + 1) begin : g_level
      wire [COUNT*BITS-1:0] words;
      if (level == 0) begin : g_first
        assign words = x;
      end else begin : g_turn
        localparam STEP = (1 << (level - 1)) * BITS;
        wire [COUNT*BITS-1:0] from = g_level[level-1].words;
        assign words = amount[level-1] ? {from[STEP-1:0], from[COUNT*BITS-1:STEP]} : from;
      end
    end
  endgenerate

  assign y = g_level[PLACE_BITS].words;
endmodule
