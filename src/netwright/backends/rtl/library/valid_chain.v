// valid_out is valid_in STAGES clocks later; a reset (active low) empties the chain.
module valid_chain #(
    parameter STAGES = 1
) (
    input  wire clk,
    input  wire rst_n,
    input  wire valid_in,
    output wire valid_out
);
  reg [STAGES-1:0] stages;

  generate
    if (STAGES > 1) begin : g_chain
      always @(posedge clk) stages <= rst_n ? {stages[STAGES-2:0], valid_in} : {STAGES{1'b0}};
    end else begin : g_single
      always @(posedge clk) stages <= rst_n & valid_in;
    end
  endgenerate

  assign valid_out = stages[STAGES-1];
endmodule
