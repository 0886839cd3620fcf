// A decoder on the border of an array: one element of a pair after the other, as an exponent with an
// integer of INT_BITS in the lower bits. The first element of four bits is the high nibble of its
// byte, that of eight bits the lower of its bytes.
module ovp_border #(
    parameter INT_BITS      = 4,
    parameter FLINT         = 0,
    parameter MANTISSA_BITS = 1,
    parameter BIAS          = 2,
    parameter EXPONENT_BITS = 3
) (
    input  wire [2*INT_BITS-1:0]             pair,
    input  wire                              second,
    output wire [EXPONENT_BITS+INT_BITS-1:0] operand
);
  wire [2*EXPONENT_BITS-1:0] exponents;
  wire [2*INT_BITS-1:0] integers;

  generate
    if (INT_BITS == 4) begin : g_four
      ovp_decode4 #(.FLINT(FLINT), .BIAS(BIAS), .EXPONENT_BITS(EXPONENT_BITS)) u_decode (
          .pair(pair), .exponents(exponents), .integers(integers)
      );
    end else begin : g_eight
      ovp_decode8 #(
          .MANTISSA_BITS(MANTISSA_BITS), .BIAS(BIAS), .EXPONENT_BITS(EXPONENT_BITS)
      ) u_decode (
          .pair(pair), .exponents(exponents), .integers(integers)
      );
    end
  endgenerate

  assign operand = second
      ? {exponents[EXPONENT_BITS+:EXPONENT_BITS], integers[INT_BITS+:INT_BITS]}
      : {exponents[0+:EXPONENT_BITS], integers[0+:INT_BITS]};
endmodule
