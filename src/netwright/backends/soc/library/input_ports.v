// The bus's side of the inputs of a network: a word that is written to input k goes to its writer.
module input_ports #(
    parameter INPUTS = 1
) (
    input  wire              clk,
    input  wire              rst_n,
    input  wire              bus_valid,
    input  wire [      23:0] bus_address,
    input  wire [       3:0] bus_strobe,
    output reg               bus_ready,
    output wire [      31:0] bus_read_data,
    output reg               bus_error,
    output wire [INPUTS-1:0] word_valid,
    input  wire [INPUTS-1:0] word_ready
);
  wire start = bus_valid & ~bus_ready;
  wire whole = bus_strobe == 4'hf;
  genvar k;
  generate
    for (k = 0; k < INPUTS; k = k + 1) begin : g_input
      assign word_valid[k] = start & whole & bus_address[23:2] == k;
    end
  endgenerate
  assign bus_read_data = 32'd0;
  always @(posedge clk) begin
    bus_ready <= rst_n & start & (~whole | |(word_valid & word_ready));
    bus_error <= ~whole;
  end
endmodule
