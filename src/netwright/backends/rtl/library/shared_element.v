// A processing element: UNITS arithmetic units that see the same activations, each with weights of
// its own, and one requantizer that they use in turn. `unit` picks the sum that enters it; its
// multiplier and offset come one clock later.
module shared_element #(
    parameter LANES           = 8,
    parameter UNITS           = 2,
    parameter UNIT_BITS       = 1,
    parameter ACC_BITS        = 32,
    parameter MULTIPLIER_BITS = 16,
    parameter OFFSET_BITS     = 32,
    parameter VALUE_BITS      = 48,
    parameter RESULT_BITS     = 32,
    parameter BLOCKS          = 0
) (
    input  wire                       clk,
    input  wire [LANES*17-1:0]        x,
    input  wire [UNITS*LANES*8-1:0]   w,
    input  wire                       first,
    input  wire                       shift_sum,
    input  wire                       last,
    input  wire [UNIT_BITS-1:0]       unit,
    input  wire [1:0]                 piece,
    input  wire [MULTIPLIER_BITS-1:0] multiplier,
    input  wire [OFFSET_BITS-1:0]     offset,
    input  wire [5:0]                 shift,
    input  wire [1:0]                 below,
    input  wire [1:0]                 above,
    input  wire                       even,
    input  wire [RESULT_BITS-1:0]     low,
    input  wire [RESULT_BITS-1:0]     high,
    input  wire [17:0]                zero_point,
    output wire [15:0]                y
);
  wire [UNITS*ACC_BITS-1:0] results;

  genvar i;
  generate
    for (i = 0; i < UNITS; i = i + 1) begin : g_unit
      shared_unit #(.LANES(LANES), .ACC_BITS(ACC_BITS), .BLOCKS(BLOCKS)) u_unit (
          .clk(clk), .x(x), .w(w[i*LANES*8+:LANES*8]), .first(first), .shift(shift_sum),
          .last(last), .result(results[i*ACC_BITS+:ACC_BITS])
      );
    end
  endgenerate

  shared_requantizer #(
      .ACC_BITS(ACC_BITS), .MULTIPLIER_BITS(MULTIPLIER_BITS), .OFFSET_BITS(OFFSET_BITS),
      .VALUE_BITS(VALUE_BITS), .RESULT_BITS(RESULT_BITS), .BLOCKS(BLOCKS)
  ) u_requantizer (
      .clk(clk), .x(results[unit*ACC_BITS+:ACC_BITS]), .multiplier(multiplier), .offset(offset),
      .piece(piece), .shift(shift), .below(below), .above(above), .even(even), .low(low),
      .high(high), .zero_point(zero_point), .y(y)
  );
endmodule
