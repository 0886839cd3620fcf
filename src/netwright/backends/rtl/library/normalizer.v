// N charges, divided by the power of two that makes their sum at least 1 and below 2: exponent is
// the place of the leading one of the sum (0 without any), and y holds charge / 2**exponent with
// Y_BITS - 1 bits behind the point, rounded half up and limited to all ones.
module normalizer #(
    parameter N             = 48,
    parameter X_BITS        = 16,
    parameter Y_BITS        = 8,
    parameter SUM_BITS      = 22,
    parameter EXPONENT_BITS = 5
) (
    input  wire [N*X_BITS-1:0]        x,
    output wire [N*Y_BITS-1:0]        y,
    output reg  [EXPONENT_BITS-1:0]   exponent
);
  localparam WIDE_BITS = X_BITS + Y_BITS;

  reg [SUM_BITS-1:0] sum;
  integer i;
  always @* begin
    sum = {SUM_BITS{1'b0}};
    for (i = 0; i < N; i = i + 1) sum = sum + {{SUM_BITS - X_BITS{1'b0}}, x[i*X_BITS+:X_BITS]};
  end

  integer place;
  always @* begin
    exponent = {EXPONENT_BITS{1'b0}};
    for (place = 0; place < SUM_BITS; place = place + 1)
      if (sum[place]) exponent = place[EXPONENT_BITS-1:0];
  end

  genvar cell_;
  generate
    for (cell_ = 0; cell_ < N; cell_ = cell_ + 1) begin : g_cell
      // One bit more than is kept, for rounding; no charge exceeds the sum, so no more are ones.
      wire [WIDE_BITS-1:0] wide = {x[cell_*X_BITS+:X_BITS], {Y_BITS{1'b0}}};
      /* verilator lint_off UNUSEDSIGNAL */
      wire [WIDE_BITS-1:0] moved = wide >> exponent;
      wire [Y_BITS+1:0] rounded = {1'b0, moved[Y_BITS:0]} + {{Y_BITS + 1{1'b0}}, 1'b1};
      /* verilator lint_on UNUSEDSIGNAL */
      assign y[cell_*Y_BITS+:Y_BITS] = rounded[Y_BITS+1] ? {Y_BITS{1'b1}} : rounded[Y_BITS:1];
    end
  endgenerate
endmodule
