// One byte of an outlier-victim pair as an exponent and an integer of eight bits; see ovp_decode8.
// Bytes whose lower seven bits are zero are never outliers, nor are those of 2**15 and more.
module ovp_byte #(
    parameter MANTISSA_BITS = 3,
    parameter BIAS          = 4,
    parameter EXPONENT_BITS = 4
) (
    input  wire [7:0]               word,
    input  wire                     is_outlier,
    output wire [EXPONENT_BITS-1:0] exponent,
    output wire [7:0]               integer_part
);
  localparam FIELD_BITS = 7 - MANTISSA_BITS;
  localparam LARGEST = 14 - MANTISSA_BITS - BIAS;  // the largest exponent that stays below 2**15
  localparam [EXPONENT_BITS-1:0] LOWEST = BIAS[EXPONENT_BITS-1:0];

  wire [FIELD_BITS-1:0] field = word[6-:FIELD_BITS];
  wire [7:0] magnitude = {{(7 - MANTISSA_BITS) {1'b0}}, 1'b1, word[MANTISSA_BITS-1:0]};
  wire is_nothing = word[6:0] == 7'd0;
  wire is_too_large;
  wire [7:0] outlier = word[7] ? -magnitude : magnitude;

  generate
    if (LARGEST >= (1 << FIELD_BITS) - 1) begin : g_fit
      assign is_too_large = 1'b0;
    end else begin : g_limit
      assign is_too_large = field > LARGEST[FIELD_BITS-1:0];
    end
    if (EXPONENT_BITS > FIELD_BITS) begin : g_raised
      assign exponent = is_outlier ? {{(EXPONENT_BITS - FIELD_BITS) {1'b0}}, field} + LOWEST
                                   : {EXPONENT_BITS{1'b0}};
    end else begin : g_cut
      assign exponent = is_outlier ? field[EXPONENT_BITS-1:0] + LOWEST : {EXPONENT_BITS{1'b0}};
    end
  endgenerate

  assign integer_part = is_nothing | (is_outlier & is_too_large) ? 8'd0
      : is_outlier ? outlier : word;
endmodule
