// Two bytes of an outlier-victim pair as two exponent-integer pairs of value integer << exponent, the
// first element in the lower bits of all. Normal values are int8; outliers have MANTISSA_BITS bits of
// mantissa (3: E4M3, 5: E2M5) and are (2**MANTISSA_BITS + mantissa) << (exponent + BIAS), below 2**15.
// A byte of 10000000 says that its element is the victim of the other one. What no pair is stored as
// gives zeros.
module ovp_decode8 #(
    parameter MANTISSA_BITS = 3,
    parameter BIAS          = 4,
    parameter EXPONENT_BITS = 4
) (
    input  wire [15:0]                pair,
    output wire [2*EXPONENT_BITS-1:0] exponents,
    output wire [15:0]                integers
);
  localparam [7:0] IDENTIFIER = 8'b10000000;

  ovp_byte #(
      .MANTISSA_BITS(MANTISSA_BITS), .BIAS(BIAS), .EXPONENT_BITS(EXPONENT_BITS)
  ) u_first (
      .word(pair[7:0]), .is_outlier(pair[15:8] == IDENTIFIER),
      .exponent(exponents[0+:EXPONENT_BITS]), .integer_part(integers[7:0])
  );
  ovp_byte #(
      .MANTISSA_BITS(MANTISSA_BITS), .BIAS(BIAS), .EXPONENT_BITS(EXPONENT_BITS)
  ) u_second (
      .word(pair[15:8]), .is_outlier(pair[7:0] == IDENTIFIER),
      .exponent(exponents[EXPONENT_BITS+:EXPONENT_BITS]), .integer_part(integers[15:8])
  );
endmodule
