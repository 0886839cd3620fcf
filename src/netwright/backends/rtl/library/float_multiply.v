// product = a * b of floating-point numbers with so few bits of mantissa that the product has room
// for all of its own. Subnormal numbers are zeros, as operands and as results; every NaN is the same
// quiet one.
module float_multiply #(
    parameter EXPONENT_BITS = 8,
    parameter MANTISSA_BITS = 7,
    parameter PRODUCT_BITS  = 23  // of the product's mantissa, at least 2 * MANTISSA_BITS + 1
) (
    input  wire [EXPONENT_BITS+MANTISSA_BITS:0] a,
    input  wire [EXPONENT_BITS+MANTISSA_BITS:0] b,
    output wire [EXPONENT_BITS+PRODUCT_BITS:0]  product
);
  localparam WHOLE = MANTISSA_BITS + 1;
  localparam SPAN = EXPONENT_BITS + 2;
  localparam [EXPONENT_BITS-1:0] HIGHEST = {EXPONENT_BITS{1'b1}};
  localparam [SPAN-1:0] BIAS = {3'b000, {(EXPONENT_BITS - 1) {1'b1}}};

  wire [EXPONENT_BITS-1:0] a_exponent = a[MANTISSA_BITS+:EXPONENT_BITS];
  wire [EXPONENT_BITS-1:0] b_exponent = b[MANTISSA_BITS+:EXPONENT_BITS];
  wire sign = a[EXPONENT_BITS+MANTISSA_BITS] ^ b[EXPONENT_BITS+MANTISSA_BITS];
  wire [2*WHOLE-1:0] bits = {{WHOLE{1'b0}}, 1'b1, a[MANTISSA_BITS-1:0]}
      * {{WHOLE{1'b0}}, 1'b1, b[MANTISSA_BITS-1:0]};
  wire carry = bits[2*WHOLE-1];
  wire [2*WHOLE-2:0] mantissa = carry ? bits[2*WHOLE-2:0] : {bits[2*WHOLE-3:0], 1'b0};
  wire signed [SPAN-1:0] exponent = $signed(
      {2'b00, a_exponent} + {2'b00, b_exponent} - BIAS + {{(SPAN - 1) {1'b0}}, carry}
  );

  wire is_zero = a_exponent == 0 || b_exponent == 0;
  wire is_special = a_exponent == HIGHEST || b_exponent == HIGHEST;
  wire is_nan = (a_exponent == HIGHEST && a[MANTISSA_BITS-1:0] != 0)
      || (b_exponent == HIGHEST && b[MANTISSA_BITS-1:0] != 0) || (is_special && is_zero);
  wire is_infinite = is_special || exponent >= $signed({2'b00, HIGHEST});

  assign product = is_nan ? {1'b0, HIGHEST, 1'b1, {(PRODUCT_BITS - 1) {1'b0}}}
      : is_zero ? {sign, {(EXPONENT_BITS + PRODUCT_BITS) {1'b0}}}
      : is_infinite ? {sign, HIGHEST, {PRODUCT_BITS{1'b0}}}
      : exponent <= 0 ? {sign, {(EXPONENT_BITS + PRODUCT_BITS) {1'b0}}}
      : {sign, exponent[EXPONENT_BITS-1:0], mantissa, {(PRODUCT_BITS - 2 * WHOLE + 1) {1'b0}}};
endmodule
