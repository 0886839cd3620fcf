// The word that `place`, below COUNT, names out of COUNT words of BITS bits, 8 at most. Blocks of
// words are chosen from first, then among the blocks: selecting bits of one vector as long as a
// bank takes a synthesizer the square of its length.
module word_select #(
    parameter COUNT = 4,
    parameter BITS  = 6
) (
    input  wire [COUNT*BITS-1:0] words,
    /* verilator lint_off UNUSEDSIGNAL */
    input  wire [15:0]           place,
    /* verilator lint_on UNUSEDSIGNAL */
    output wire [BITS-1:0]       word
);
  localparam BLOCK = 32;
  localparam BLOCKS = (COUNT + BLOCK - 1) / BLOCK;
  localparam WIDE = BLOCKS * BLOCK * 8;

  // Words of 8 bits: a place in them is the number of the word and three zeros.
  wire [WIDE-1:0] octets;
  wire [BLOCKS*BITS-1:0] chosen;
  genvar i;
  generate
    for (i = 0; i < BLOCKS * BLOCK; i = i + 1) begin : g_words
      if (i >= COUNT) begin : g_none
        assign octets[i*8+:8] = 8'd0;
      end else if (BITS < 8) begin : g_narrow
        assign octets[i*8+:8] = {{8 - BITS{1'b0}}, words[i*BITS+:BITS]};
      end else begin : g_whole
        assign octets[i*8+:8] = words[i*BITS+:BITS];
      end
    end
    for (i = 0; i < BLOCKS; i = i + 1) begin : g_blocks
      wire [BLOCK*8-1:0] block = octets[i*BLOCK*8+:BLOCK*8];
      assign chosen[i*BITS+:BITS] = block[{place[4:0], 3'd0}+:BITS];
    end
    if (BLOCKS > 1) begin : g_among
      word_select #(.COUNT(BLOCKS), .BITS(BITS))
          u_among (.words(chosen), .place({5'd0, place[15:5]}), .word(word));
    end else begin : g_one
      assign word = chosen;
    end
  endgenerate
endmodule
