// N copies of x, each one clock after the one before it; the first is x itself.
module skew #(
    parameter BITS = 1,
    parameter N    = 4
) (
    input  wire              clk,
    input  wire              rst_n,
    input  wire [BITS-1:0]   x,
    output wire [N*BITS-1:0] y
);
  genvar i;
  assign y[BITS-1:0] = x;
  generate
    for (i = 1; i < N; i = i + 1) begin : g_later
      delay_line #(.BITS(BITS), .STAGES(1)) u_delay (
          .clk(clk), .rst_n(rst_n), .x(y[(i-1)*BITS+:BITS]), .y(y[i*BITS+:BITS])
      );
    end
    if (N == 1) begin : g_only
      /* verilator lint_off UNUSEDSIGNAL */
      wire unused = clk & rst_n;
      /* verilator lint_on UNUSEDSIGNAL */
    end
  endgenerate
endmodule
