// Below a column of weight-stationary elements: adds what the weights of a group give one after the
// other. `valid`, `first` and `last` belong to the clock in which the last element multiplies.
module nm_edge #(
    parameter ACC_BITS = 32,
    parameter FLOAT    = 0
) (
    input  wire                clk,
    input  wire                rst_n,
    input  wire                valid,
    input  wire                first,
    input  wire                last,
    input  wire [ACC_BITS-1:0] sum,
    output reg                 y_valid,
    output reg  [ACC_BITS-1:0] y_data
);
  reg there, is_first, is_last;
  wire [ACC_BITS-1:0] total;

  generate
    if (FLOAT != 0) begin : g_float
      float_add u_add (.a(y_data), .b(sum), .sum(total));
    end else begin : g_integer
      assign total = y_data + sum;
    end
  endgenerate

  always @(posedge clk) begin
    there <= rst_n & valid;
    is_first <= first;
    is_last <= last;
    y_valid <= rst_n & there & is_last;
    if (there) y_data <= is_first ? sum : total;
  end
endmodule
