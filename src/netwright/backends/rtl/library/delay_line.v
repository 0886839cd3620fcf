// y is x STAGES clocks later; a reset (active low) clears it.
module delay_line #(
    parameter BITS   = 1,
    parameter STAGES = 1
) (
    /* verilator lint_off UNUSEDSIGNAL */
    input  wire            clk,    // without stages there is no clock
    input  wire            rst_n,
    /* verilator lint_on UNUSEDSIGNAL */
    input  wire [BITS-1:0] x,
    output wire [BITS-1:0] y
);
  generate
    if (STAGES == 0) begin : g_wire
      assign y = x;
    end else begin : g_stages
      reg [STAGES*BITS-1:0] stages;
      wire [STAGES*BITS-1:0] moved;

      assign moved[BITS-1:0] = x;
      if (STAGES > 1) begin : g_move
        assign moved[STAGES*BITS-1:BITS] = stages[(STAGES-1)*BITS-1:0];
      end
      always @(posedge clk) stages <= rst_n ? moved : {STAGES * BITS{1'b0}};
      assign y = stages[(STAGES-1)*BITS+:BITS];
    end
  endgenerate
endmodule
