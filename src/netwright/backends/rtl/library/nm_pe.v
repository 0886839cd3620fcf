// An element for N:M sparse and for dense products. In every clock with a valid token it multiplies one
// weight by one of the GROUP elements of x that it holds: that of the weight's index, or that of the
// token's slot if `dense`. Output stationary, weights pass by in the first of the SLOTS registers and
// the products add up here; weight stationary, the token's slot says which of the SLOTS weights, and
// the sum goes on below. A weight is its value with its index above it.
// `capture` takes the sum over into a chain that moves down, while the next sum is made.
module nm_pe #(
    parameter GROUP      = 8,
    parameter SLOTS      = 2,
    parameter INDEX_BITS = 3,
    parameter SLOT_BITS  = 3,
    parameter VALUE_BITS = 8,
    parameter ACC_BITS   = 32,
    parameter FLOAT      = 0
) (
    input  wire                                     clk,
    input  wire                                     rst_n,
    input  wire                                     weight_stationary,
    input  wire                                     dense,
    input  wire                                     shift_weights,
    input  wire                                     capture,
    input  wire                                     x_valid,
    input  wire                                     x_first,
    input  wire [SLOT_BITS-1:0]                     x_slot,
    input  wire [GROUP*VALUE_BITS-1:0]              x_data,
    input  wire [SLOTS*(INDEX_BITS+VALUE_BITS)-1:0] w_data,
    input  wire [ACC_BITS-1:0]                      sum_above,
    input  wire [ACC_BITS-1:0]                      result_above,
    output wire                                     right_valid,
    output wire                                     right_first,
    output wire [SLOT_BITS-1:0]                     right_slot,
    output wire [GROUP*VALUE_BITS-1:0]              right_data,
    output wire [SLOTS*(INDEX_BITS+VALUE_BITS)-1:0] down_data,
    output wire [ACC_BITS-1:0]                      sum_below,
    output wire [ACC_BITS-1:0]                      result_below
);
  localparam WEIGHT_BITS = INDEX_BITS + VALUE_BITS;
  localparam WEIGHT_SLOT_BITS = SLOTS > 1 ? $clog2(SLOTS) : 1;

  reg valid, first;
  reg [SLOT_BITS-1:0] slot;
  reg [GROUP*VALUE_BITS-1:0] x;
  reg [SLOTS*WEIGHT_BITS-1:0] weights;
  reg [ACC_BITS-1:0] sum, result;

  wire [WEIGHT_SLOT_BITS-1:0] place = weight_stationary ? slot[WEIGHT_SLOT_BITS-1:0]
                                                        : {WEIGHT_SLOT_BITS{1'b0}};
  wire [WEIGHT_BITS-1:0] weight = weights[place*WEIGHT_BITS+:WEIGHT_BITS];
  wire [INDEX_BITS-1:0] index = dense ? slot[INDEX_BITS-1:0] : weight[VALUE_BITS+:INDEX_BITS];
  wire [ACC_BITS-1:0] base = weight_stationary ? sum_above : first ? {ACC_BITS{1'b0}} : sum;
  wire [ACC_BITS-1:0] total;

  nm_mac #(.VALUE_BITS(VALUE_BITS), .ACC_BITS(ACC_BITS), .FLOAT(FLOAT)) u_mac (
      .x(x[index*VALUE_BITS+:VALUE_BITS]), .w(weight[0+:VALUE_BITS]), .base(base), .total(total)
  );

  always @(posedge clk) begin
    valid <= rst_n & x_valid;
    first <= x_first;
    slot <= x_slot;
    x <= x_data;
    if (shift_weights) weights <= w_data;
    if (valid) sum <= total;
    result <= capture ? sum : result_above;
  end

  assign right_valid = valid;
  assign right_first = first;
  assign right_slot = slot;
  assign right_data = x;
  assign down_data = weights;
  assign sum_below = sum;
  assign result_below = result;
endmodule
