// The output-stationary element of a plain array, what others are compared with: it passes its
// operands on to the right and down, and adds x * w to its sum. `first` begins a new sum. `capture`
// takes the sum over into a chain that moves down, while the next sum is made.
module mac_pe #(
    parameter BITS     = 8,
    parameter ACC_BITS = 32
) (
    input  wire                clk,
    input  wire                rst_n,
    input  wire                x_valid,
    input  wire                x_first,
    input  wire [BITS-1:0]     x_data,
    input  wire [BITS-1:0]     w_data,
    input  wire                capture,
    input  wire [ACC_BITS-1:0] above,
    output wire                right_valid,
    output wire                right_first,
    output wire [BITS-1:0]     right_data,
    output wire [BITS-1:0]     down_data,
    output wire [ACC_BITS-1:0] below
);
  reg valid, first;
  reg [BITS-1:0] x, w;
  reg [ACC_BITS-1:0] sum, result;
  wire [ACC_BITS-1:0] total;

  nm_mac #(.VALUE_BITS(BITS), .ACC_BITS(ACC_BITS)) u_mac (
      .x(x), .w(w), .base(first ? {ACC_BITS{1'b0}} : sum), .total(total)
  );

  always @(posedge clk) begin
    valid <= rst_n & x_valid;
    first <= x_first;
    x <= x_data;
    w <= w_data;
    if (valid) sum <= total;
    result <= capture ? sum : above;
  end

  assign right_valid = valid;
  assign right_first = first;
  assign right_data = x;
  assign down_data = w;
  assign below = result;
endmodule
