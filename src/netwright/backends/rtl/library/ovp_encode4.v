// Two numbers as one byte of an outlier-victim pair; the first, in the lower bits of x, becomes the
// high nibble. Each is rounded to the nearest value (ovp_round4); where one is an outlier the other
// one becomes its victim. Of two outliers the larger stays, the first of two as large; with LEFT the
// first stays always.
module ovp_encode4 #(
    parameter FLINT         = 0,
    parameter BIAS          = 2,
    parameter X_BITS        = 8,
    parameter FRACTION_BITS = 0,
    parameter LEFT          = 0
) (
    input  wire [2*X_BITS-1:0] x,
    output wire [7:0]          pair
);
  localparam [3:0] VICTIM = 4'b1000;

  wire [3:0] first, second, first_rank, second_rank;

  ovp_round4 #(.FLINT(FLINT), .BIAS(BIAS), .X_BITS(X_BITS), .FRACTION_BITS(FRACTION_BITS)) u_first (
      .x(x[0+:X_BITS]), .word(first), .rank(first_rank)
  );
  ovp_round4 #(.FLINT(FLINT), .BIAS(BIAS), .X_BITS(X_BITS), .FRACTION_BITS(FRACTION_BITS)) u_second (
      .x(x[X_BITS+:X_BITS]), .word(second), .rank(second_rank)
  );

  // Outliers have the ranks from 8.
  wire first_stays = first_rank[3] & ((LEFT != 0) | first_rank >= second_rank);
  wire second_stays = second_rank[3] & ~first_stays;
  assign pair = {second_stays ? VICTIM : first, first_stays ? VICTIM : second};
endmodule
