// One nibble of an outlier-victim pair as an exponent and an integer of four bits; see ovp_decode4.
// The words 0000 and 1000 are never outliers.
module ovp_nibble #(
    parameter FLINT         = 0,
    parameter BIAS          = 2,
    parameter EXPONENT_BITS = 3
) (
    input  wire [3:0]               word,
    input  wire                     is_outlier,
    output wire [EXPONENT_BITS-1:0] exponent,
    output wire [3:0]               integer_part
);
  localparam [EXPONENT_BITS-1:0] LOWEST = BIAS[EXPONENT_BITS-1:0];
  localparam [EXPONENT_BITS-1:0] ZERO = {EXPONENT_BITS{1'b0}};

  wire [2:0] low = word[2:0];
  wire is_nothing = low == 3'd0;  // zero, the victim, and the outliers that there are not
  wire [3:0] outlier = {3'b001, word[0]};
  wire [EXPONENT_BITS-1:0] raised = {{(EXPONENT_BITS - 2) {1'b0}}, word[2:1]} + LOWEST;
  wire [3:0] normal;
  wire [EXPONENT_BITS-1:0] normal_exponent;

  generate
    if (FLINT != 0) begin : g_flint
      // 100, 101, 110 and 111 are 16, 8, 4 and 6: 4 << 2, 4 << 1, 4, 6.
      localparam [EXPONENT_BITS-1:0] TWICE = {{(EXPONENT_BITS - 2) {1'b0}}, 2'd1};
      localparam [EXPONENT_BITS-1:0] FOUR_TIMES = {{(EXPONENT_BITS - 2) {1'b0}}, 2'd2};
      wire is_sixteen = word == 4'b0100 || word == 4'b1100;
      assign normal = low[2] ? {2'b01, low == 3'b111, 1'b0} : {1'b0, low};
      assign normal_exponent = is_sixteen ? FOUR_TIMES : low == 3'b101 ? TWICE : ZERO;
      wire [3:0] magnitude = is_outlier ? outlier : normal;
      assign integer_part = is_nothing ? 4'd0 : word[3] ? -magnitude : magnitude;
    end else begin : g_int
      assign normal = is_nothing ? 4'd0 : word;
      assign normal_exponent = ZERO;
      assign integer_part = !is_outlier ? normal : is_nothing ? 4'd0 : word[3] ? -outlier : outlier;
    end
  endgenerate

  assign exponent = is_outlier ? raised : normal_exponent;
endmodule
