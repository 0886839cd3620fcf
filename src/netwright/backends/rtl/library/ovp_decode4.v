// One byte of an outlier-victim pair as two exponent-integer pairs of value integer << exponent,
// the first element of the byte (its high nibble) in the lower bits. FLINT = 0 reads normal values
// as int4, 1 as flint4; outliers are (2 + mantissa) << (exponent + BIAS). A nibble of 1000 says that
// its element is the victim of the other one. What no pair is stored as gives zeros.
module ovp_decode4 #(
    parameter FLINT         = 0,
    parameter BIAS          = 2,
    parameter EXPONENT_BITS = 3
) (
    input  wire [7:0]                 pair,
    output wire [2*EXPONENT_BITS-1:0] exponents,
    output wire [7:0]                 integers
);
  wire first_is_victim = pair[7:4] == 4'b1000;
  wire second_is_victim = pair[3:0] == 4'b1000;

  ovp_nibble #(.FLINT(FLINT), .BIAS(BIAS), .EXPONENT_BITS(EXPONENT_BITS)) u_first (
      .word(pair[7:4]), .is_outlier(second_is_victim), .exponent(exponents[0+:EXPONENT_BITS]),
      .integer_part(integers[3:0])
  );
  ovp_nibble #(.FLINT(FLINT), .BIAS(BIAS), .EXPONENT_BITS(EXPONENT_BITS)) u_second (
      .word(pair[3:0]), .is_outlier(first_is_victim),
      .exponent(exponents[EXPONENT_BITS+:EXPONENT_BITS]), .integer_part(integers[7:4])
  );
endmodule
