// Four loadable weights, a small machine that loads them, and their sum of products.
module bank (
    input  wire       clk,
    input  wire       rst_n,
    input  wire       load,
    input  wire [2:0] load_data,
    input  wire [7:0] x_data,
    output wire       busy,
    output reg  [6:0] y_data
);
  (* role = "configuration" *) reg [2:0] weights[0:3];
  (* role = "state" *) reg loading;
  (* role = "pointer" *) reg [1:0] place;
  always @(posedge clk)
    if (!rst_n) begin
      loading <= 1'b0;
      place <= 2'd0;
    end else if (load) begin
      loading <= place != 2'd3;
      place <= place + 2'd1;
      weights[place] <= load_data;
    end
  assign busy = loading;
  always @(posedge clk)
    y_data <= weights[0] * x_data[1:0] + weights[1] * x_data[3:2] + weights[2] * x_data[5:4]
        + weights[3] * x_data[7:6];
endmodule
