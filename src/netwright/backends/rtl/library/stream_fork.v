// Gives every beat to N readers; each may take it in a clock of its own.
module stream_fork #(
    parameter N = 2
) (
    input  wire         clk,
    input  wire         rst_n,
    input  wire         x_valid,
    output wire         x_ready,
    output wire [N-1:0] y_valid,
    input  wire [N-1:0] y_ready
);
  reg [N-1:0] taken;

  wire [N-1:0] served = taken | y_ready;

  assign y_valid = {N{x_valid}} & ~taken;
  assign x_ready = &served;

  always @(posedge clk) begin
    if (!rst_n) taken <= {N{1'b0}};
    else if (x_valid) taken <= x_ready ? {N{1'b0}} : served;
  end
endmodule
