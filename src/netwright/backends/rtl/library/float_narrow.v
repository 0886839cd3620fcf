// narrow is the nearest bfloat16 of a float32 without subnormal numbers, ties to even; every NaN is the
// same quiet one.
module float_narrow (
    input  wire [31:0] wide,
    output wire [15:0] narrow
);
  wire is_nan = wide[30:23] == 8'hff && wide[22:0] != 0;
  wire round = wide[15] & (wide[16] | (|wide[14:0]));

  assign narrow = is_nan ? 16'h7fc0 : wide[31:16] + {15'b0, round};
endmodule
