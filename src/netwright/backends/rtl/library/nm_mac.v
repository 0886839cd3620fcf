// total = base + x * w, of two's complement numbers.
module nm_mac #(
    parameter VALUE_BITS = 8,
    parameter ACC_BITS   = 32
) (
    input  wire [VALUE_BITS-1:0] x,
    input  wire [VALUE_BITS-1:0] w,
    input  wire [ACC_BITS-1:0]   base,
    output wire [ACC_BITS-1:0]   total
);
  localparam PRODUCT_BITS = 2 * VALUE_BITS;

  wire signed [PRODUCT_BITS-1:0] x_wide = {{VALUE_BITS{x[VALUE_BITS-1]}}, x};
  wire signed [PRODUCT_BITS-1:0] w_wide = {{VALUE_BITS{w[VALUE_BITS-1]}}, w};
  wire signed [PRODUCT_BITS-1:0] product = x_wide * w_wide;

  assign total = base + {{(ACC_BITS - PRODUCT_BITS) {product[PRODUCT_BITS-1]}}, product};
endmodule
