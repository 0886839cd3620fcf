// sum = a + b of floating-point numbers, rounded to the nearest, ties to even. Subnormal numbers are
// zeros, as operands and as results; every NaN is the same quiet one.
module float_add #(
    parameter EXPONENT_BITS = 8,
    parameter MANTISSA_BITS = 23
) (
    input  wire [EXPONENT_BITS+MANTISSA_BITS:0] a,
    input  wire [EXPONENT_BITS+MANTISSA_BITS:0] b,
    output wire [EXPONENT_BITS+MANTISSA_BITS:0] sum
);
  localparam BITS = EXPONENT_BITS + MANTISSA_BITS + 1;
  localparam WIDE = MANTISSA_BITS + 4;  // with the hidden bit, two bits below the last, a sticky one
  localparam SPAN = EXPONENT_BITS + 2;  // of signed exponents
  localparam MOST = WIDE - 1;
  localparam SHIFT_BITS = $clog2(WIDE + 1);
  localparam [EXPONENT_BITS-1:0] HIGHEST = {EXPONENT_BITS{1'b1}};
  localparam [EXPONENT_BITS-1:0] MOST_SHIFT = WIDE[EXPONENT_BITS-1:0];

  wire a_is_larger = a[BITS-2:0] >= b[BITS-2:0];
  wire [BITS-1:0] larger = a_is_larger ? a : b;
  wire [BITS-1:0] smaller = a_is_larger ? b : a;
  wire [EXPONENT_BITS-1:0] larger_exponent = larger[MANTISSA_BITS+:EXPONENT_BITS];
  wire [EXPONENT_BITS-1:0] smaller_exponent = smaller[MANTISSA_BITS+:EXPONENT_BITS];
  wire larger_sign = larger[BITS-1];
  wire subtracts = larger_sign ^ smaller[BITS-1];

  // Both with the exponent of the larger; what is shifted out leaves a sticky bit.
  wire [WIDE-1:0] whole = larger_exponent == 0 ? {WIDE{1'b0}} : {1'b1, larger[MANTISSA_BITS-1:0], 3'b000};
  wire [WIDE-1:0] part = smaller_exponent == 0 ? {WIDE{1'b0}}
      : {1'b1, smaller[MANTISSA_BITS-1:0], 3'b000};
  wire [EXPONENT_BITS-1:0] distance = larger_exponent - smaller_exponent;
  wire [EXPONENT_BITS-1:0] shift = distance > MOST_SHIFT ? MOST_SHIFT : distance;
  wire [2*WIDE-1:0] shifted = {part, {WIDE{1'b0}}} >> shift;
  wire [WIDE-1:0] aligned = {
    shifted[2*WIDE-1:WIDE+1], shifted[WIDE] | (|shifted[WIDE-1:0])
  };
  wire [WIDE:0] total = subtracts ? {1'b0, whole} - {1'b0, aligned}
                                  : {1'b0, whole} + {1'b0, aligned};

  integer i;
  reg [SHIFT_BITS-1:0] zeros;  // in front of the first one, the carry left out
  always @* begin
    zeros = {SHIFT_BITS{1'b0}};
    for (i = 0; i < WIDE; i = i + 1) if (total[i]) zeros = MOST[SHIFT_BITS-1:0] - i[SHIFT_BITS-1:0];
  end

  wire carry = total[WIDE];
  wire [WIDE-1:0] normal = carry ? {total[WIDE:2], |total[1:0]} : total[WIDE-1:0] << zeros;
  wire round = normal[2] & (normal[3] | (|normal[1:0]));
  wire [MANTISSA_BITS+1:0] rounded = {1'b0, normal[WIDE-1:3]} + {{(MANTISSA_BITS + 1) {1'b0}}, round};
  wire signed [SPAN-1:0] exponent = $signed({2'b00, larger_exponent})
      + (carry ? {{(SPAN - 1) {1'b0}}, 1'b1} : -$signed({{(SPAN - SHIFT_BITS) {1'b0}}, zeros}))
      + $signed({{(SPAN - 1) {1'b0}}, rounded[MANTISSA_BITS+1]});

  wire is_nan = larger_exponent == HIGHEST
      && (larger[MANTISSA_BITS-1:0] != 0 || (smaller_exponent == HIGHEST && subtracts));
  wire is_infinite = larger_exponent == HIGHEST || exponent >= $signed({2'b00, HIGHEST});
  wire is_nothing = total == 0;
  wire is_too_small = exponent <= 0;

  assign sum = is_nan ? {1'b0, HIGHEST, 1'b1, {(MANTISSA_BITS - 1) {1'b0}}}
      : is_nothing && larger_exponent != HIGHEST ? {larger_sign & ~subtracts, {(BITS - 1) {1'b0}}}
      : is_infinite ? {larger_sign, HIGHEST, {MANTISSA_BITS{1'b0}}}
      : is_too_small ? {larger_sign, {(BITS - 1) {1'b0}}}
      : {larger_sign, exponent[EXPONENT_BITS-1:0],
         rounded[MANTISSA_BITS+1] ? {MANTISSA_BITS{1'b0}} : rounded[MANTISSA_BITS-1:0]};
endmodule
