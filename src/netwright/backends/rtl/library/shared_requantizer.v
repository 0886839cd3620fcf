// y = clamp((x * multiplier + offset) / 2**shift, rounded) - zero_point, exact in every mode of
// rounding. `multiplier` and `offset` come one clock after x; y is six clocks after x, a
// 16-bit piece of the result (`piece` 0 is the lowest). What is the same for a layer is steady.
// below and above say what is added to values below zero and to others before bits are dropped:
// nothing (0), half (1), half - 1 (2), all ones (3); `even` clears the lowest kept bit of a tie.
module shared_requantizer #(
    parameter ACC_BITS        = 32,
    parameter MULTIPLIER_BITS = 16,
    parameter OFFSET_BITS     = 32,
    parameter VALUE_BITS      = 48,
    parameter RESULT_BITS     = 32,
    parameter BLOCKS          = 0
) (
    input  wire                       clk,
    input  wire [ACC_BITS-1:0]        x,
    input  wire [MULTIPLIER_BITS-1:0] multiplier,
    input  wire [OFFSET_BITS-1:0]     offset,
    input  wire [1:0]                 piece,
    input  wire [5:0]                 shift,
    input  wire [1:0]                 below,
    input  wire [1:0]                 above,
    input  wire                       even,
    input  wire [RESULT_BITS-1:0]     low,
    input  wire [RESULT_BITS-1:0]     high,
    input  wire [17:0]                zero_point,
    output reg  [15:0]                y
);
  localparam WIDE = (VALUE_BITS > RESULT_BITS ? VALUE_BITS : RESULT_BITS) + 1;

  // What the layer adds, and the bits it drops.
  wire [VALUE_BITS-1:0] one = {{(VALUE_BITS - 1) {1'b0}}, 1'b1} << shift;
  wire [VALUE_BITS-1:0] half = {1'b0, one[VALUE_BITS-1:1]};
  reg [VALUE_BITS-1:0] dropped;
  reg [VALUE_BITS-1:0] added_below;
  reg [VALUE_BITS-1:0] added_above;
  reg rounds_to_even;

  always @(posedge clk) begin
    dropped <= one - 1'b1;
    added_below <= addend(below);
    added_above <= addend(above);
    rounds_to_even <= even & (shift != 6'd0);
  end

  function [VALUE_BITS-1:0] addend(input [1:0] kind);
    case (kind)
      2'd0: addend = {VALUE_BITS{1'b0}};
      2'd1: addend = half;
      2'd2: addend = half == {VALUE_BITS{1'b0}} ? half : half - 1'b1;
      default: addend = one - 1'b1;
    endcase
  endfunction

  reg [ACC_BITS-1:0] x_kept;
  reg [VALUE_BITS-1:0] product_kept;
  reg [VALUE_BITS-1:0] offset_kept;
  reg [VALUE_BITS-1:0] value;
  reg [VALUE_BITS-1:0] biased;
  reg [VALUE_BITS-1:0] quotient;
  reg [9:0] pieces;

  // Widths may be in any order: all is done modulo 2**VALUE_BITS.
  /* verilator lint_off UNUSEDSIGNAL */
  wire [ACC_BITS+MULTIPLIER_BITS-1:0] product;
  wire [ACC_BITS+MULTIPLIER_BITS+VALUE_BITS-1:0] product_wide = {
    {VALUE_BITS{product[ACC_BITS+MULTIPLIER_BITS-1]}}, product
  };
  wire [OFFSET_BITS+VALUE_BITS-1:0] offset_wide = {{VALUE_BITS{offset[OFFSET_BITS-1]}}, offset};
  /* verilator lint_on UNUSEDSIGNAL */

  shared_multiplier #(.X_BITS(ACC_BITS), .W_BITS(MULTIPLIER_BITS), .BLOCKS(BLOCKS)) u_product (
      .x(x_kept), .w(multiplier), .y(product)
  );

  wire tie = rounds_to_even & ((biased & dropped) == {VALUE_BITS{1'b0}});
  wire [VALUE_BITS-1:0] shifted = $signed(biased) >>> shift;

  always @(posedge clk) begin
    x_kept <= x;
    product_kept <= product_wide[VALUE_BITS-1:0];
    offset_kept <= offset_wide[VALUE_BITS-1:0];
    value <= product_kept + offset_kept;
    biased <= value + (value[VALUE_BITS-1] ? added_below : added_above);
    quotient <= {shifted[VALUE_BITS-1:1], shifted[0] & ~tie};
    pieces <= {pieces[7:0], piece};
  end

  wire signed [WIDE-1:0] whole = {{(WIDE - VALUE_BITS) {quotient[VALUE_BITS-1]}}, quotient};
  wire signed [WIDE-1:0] least = {{(WIDE - RESULT_BITS) {low[RESULT_BITS-1]}}, low};
  wire signed [WIDE-1:0] most = {{(WIDE - RESULT_BITS) {high[RESULT_BITS-1]}}, high};
  wire signed [WIDE-1:0] limited = whole < least ? least : whole > most ? most : whole;
  /* verilator lint_off UNUSEDSIGNAL */
  wire [WIDE+63:0] result = {{64{limited[WIDE-1]}}, limited}
      - {{(WIDE + 46) {zero_point[17]}}, zero_point};
  /* verilator lint_on UNUSEDSIGNAL */

  always @(posedge clk) begin
    case (pieces[9:8])
      2'd0: y <= result[15:0];
      2'd1: y <= result[31:16];
      2'd2: y <= result[47:32];
      default: y <= result[63:48];
    endcase
  end
endmodule
