// total = base + x * w: of integers in two's complement, or with FLOAT = 1 of floating-point numbers, x
// and w as bfloat16 and the sum as float32, without subnormal numbers.
module nm_mac #(
    parameter VALUE_BITS = 8,
    parameter ACC_BITS   = 32,
    parameter FLOAT      = 0
) (
    input  wire [VALUE_BITS-1:0] x,
    input  wire [VALUE_BITS-1:0] w,
    input  wire [ACC_BITS-1:0]   base,
    output wire [ACC_BITS-1:0]   total
);
  generate
    if (FLOAT != 0) begin : g_float
      wire [ACC_BITS-1:0] product;
      float_multiply u_multiply (.a(x), .b(w), .product(product));
      float_add u_add (.a(base), .b(product), .sum(total));
    end else begin : g_integer
      localparam PRODUCT_BITS = 2 * VALUE_BITS;
      wire signed [PRODUCT_BITS-1:0] x_wide = {{VALUE_BITS{x[VALUE_BITS-1]}}, x};
      wire signed [PRODUCT_BITS-1:0] w_wide = {{VALUE_BITS{w[VALUE_BITS-1]}}, w};
      wire signed [PRODUCT_BITS-1:0] product = x_wide * w_wide;
      assign total = base + {{(ACC_BITS - PRODUCT_BITS) {product[PRODUCT_BITS-1]}}, product};
    end
  endgenerate
endmodule
