// Weights that never change: the word of every clock of a beat, one clock after its address.
module weight_rom #(
    parameter                  BITS         = 8,
    parameter                  DEPTH        = 4,
    parameter                  ADDRESS_BITS = 2,
    parameter [DEPTH*BITS-1:0] CONTENTS     = {DEPTH * BITS{1'b0}}
) (
    input  wire                    clk,
    input  wire [ADDRESS_BITS-1:0] address,
    output reg  [BITS-1:0]         word
);
  reg [BITS-1:0] words[0:DEPTH-1];

  integer i;
  initial for (i = 0; i < DEPTH; i = i + 1) words[i] = CONTENTS[i*BITS+:BITS];

  always @(posedge clk) word <= words[address];
endmodule
