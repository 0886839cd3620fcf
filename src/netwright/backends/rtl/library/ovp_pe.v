// An output-stationary element for exponent-integer pairs: it passes its operands on to the right
// and down, and adds (x << x_exponent) * (w << w_exponent) to its sum. `first` begins a new sum.
// `capture` takes the sum over into a chain that moves down, while the next sum is made.
module ovp_pe #(
    parameter INT_BITS      = 4,
    parameter EXPONENT_BITS = 3,
    parameter MAX_SHIFT     = 12,
    parameter ACC_BITS      = 32
) (
    input  wire                                clk,
    input  wire                                rst_n,
    input  wire                                x_valid,
    input  wire                                x_first,
    input  wire [EXPONENT_BITS+INT_BITS-1:0]   x_data,  // the integer in the lower bits
    input  wire [EXPONENT_BITS+INT_BITS-1:0]   w_data,
    input  wire                                capture,
    input  wire [ACC_BITS-1:0]                 above,
    output wire                                right_valid,
    output wire                                right_first,
    output wire [EXPONENT_BITS+INT_BITS-1:0]   right_data,
    output wire [EXPONENT_BITS+INT_BITS-1:0]   down_data,
    output wire [ACC_BITS-1:0]                 below
);
  localparam OPERAND_BITS = EXPONENT_BITS + INT_BITS;
  localparam PRODUCT_BITS = 2 * INT_BITS;
  // Operands are below 2**15 in magnitude, so that no term needs more than the sum has.
  localparam TERM_BITS = PRODUCT_BITS + MAX_SHIFT < ACC_BITS ? PRODUCT_BITS + MAX_SHIFT : ACC_BITS;

  reg valid, first;
  reg [OPERAND_BITS-1:0] x, w;
  reg [ACC_BITS-1:0] sum, result;

  wire signed [PRODUCT_BITS-1:0] x_integer = {{INT_BITS{x[INT_BITS-1]}}, x[INT_BITS-1:0]};
  wire signed [PRODUCT_BITS-1:0] w_integer = {{INT_BITS{w[INT_BITS-1]}}, w[INT_BITS-1:0]};
  wire signed [PRODUCT_BITS-1:0] product = x_integer * w_integer;
  wire [EXPONENT_BITS:0] shift = {1'b0, x[OPERAND_BITS-1:INT_BITS]}
      + {1'b0, w[OPERAND_BITS-1:INT_BITS]};
  wire [TERM_BITS-1:0] extended = {
    {(TERM_BITS - PRODUCT_BITS) {product[PRODUCT_BITS-1]}}, product
  };
  wire [TERM_BITS-1:0] term = extended << shift;
  wire [ACC_BITS-1:0] wide;

  generate
    if (TERM_BITS < ACC_BITS) begin : g_extend
      assign wide = {{(ACC_BITS - TERM_BITS) {term[TERM_BITS-1]}}, term};
    end else begin : g_whole
      assign wide = term;
    end
  endgenerate

  always @(posedge clk) begin
    valid <= rst_n & x_valid;
    first <= x_first;
    x <= x_data;
    w <= w_data;
    if (valid) sum <= (first ? {ACC_BITS{1'b0}} : sum) + wide;
    result <= capture ? sum : above;
  end

  assign right_valid = valid;
  assign right_first = first;
  assign right_data = x;
  assign down_data = w;
  assign below = result;
endmodule
