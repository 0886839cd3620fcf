// Keeps the KEPT of each GROUP values that are the largest in magnitude, in their order, with the
// places that they had in the group; of values as large, the first. One value enters a clock, and
// y_valid is a pulse in the clock after the last one of a group. FLOAT = 1: the values have a sign
// and a magnitude, as floating-point numbers do; otherwise they are in two's complement.
module nm_sorter #(
    parameter KEPT       = 2,
    parameter GROUP      = 8,
    parameter INDEX_BITS = 3,
    parameter VALUE_BITS = 8,
    parameter FLOAT      = 0
) (
    input  wire                       clk,
    input  wire                       rst_n,
    input  wire                       x_valid,
    input  wire [VALUE_BITS-1:0]      x_data,
    output reg                        y_valid,
    output reg  [KEPT*VALUE_BITS-1:0] y_values,
    output reg  [KEPT*INDEX_BITS-1:0] y_indices
);
  localparam [INDEX_BITS:0] FULL = KEPT[INDEX_BITS:0];
  localparam GROUP_LESS = GROUP - 1;
  localparam [INDEX_BITS:0] LAST = GROUP_LESS[INDEX_BITS:0];

  reg [INDEX_BITS:0] index;  // of the value that enters; as many are kept until they are KEPT
  reg [KEPT*VALUE_BITS-1:0] values, next_values;
  reg [KEPT*INDEX_BITS-1:0] indices, next_indices;
  reg [KEPT*VALUE_BITS-1:0] sizes, next_sizes;
  reg [VALUE_BITS-1:0] least;
  reg [INDEX_BITS:0] place;  // where the smallest of those that are kept is, the last of them

  wire sign = x_data[VALUE_BITS-1];
  wire [VALUE_BITS-1:0] size = FLOAT != 0 ? {1'b0, x_data[VALUE_BITS-2:0]}
      : sign ? -x_data : x_data;
  wire is_full = index >= FULL;
  wire enters = !is_full || size > least;
  wire [INDEX_BITS:0] tail = is_full ? FULL - 1'b1 : index;  // where it goes
  wire [KEPT*VALUE_BITS-1:0] values_after = values >> VALUE_BITS;  // each in the place before
  wire [KEPT*INDEX_BITS-1:0] indices_after = indices >> INDEX_BITS;
  wire [KEPT*VALUE_BITS-1:0] sizes_after = sizes >> VALUE_BITS;

  integer i;
  always @* begin
    least = sizes[0+:VALUE_BITS];
    place = {(INDEX_BITS + 1) {1'b0}};
    for (i = 1; i < KEPT; i = i + 1)
      if (sizes[i*VALUE_BITS+:VALUE_BITS] <= least) begin
        least = sizes[i*VALUE_BITS+:VALUE_BITS];
        place = i[INDEX_BITS:0];
      end
  end

  integer k;
  always @* begin
    next_values = values;
    next_indices = indices;
    next_sizes = sizes;
    for (k = 0; k < KEPT; k = k + 1) begin
      if (enters && k[INDEX_BITS:0] == tail) begin
        next_values[k*VALUE_BITS+:VALUE_BITS] = x_data;
        next_indices[k*INDEX_BITS+:INDEX_BITS] = index[INDEX_BITS-1:0];
        next_sizes[k*VALUE_BITS+:VALUE_BITS] = size;
      end else if (enters && is_full && k[INDEX_BITS:0] >= place) begin
        next_values[k*VALUE_BITS+:VALUE_BITS] = values_after[k*VALUE_BITS+:VALUE_BITS];
        next_indices[k*INDEX_BITS+:INDEX_BITS] = indices_after[k*INDEX_BITS+:INDEX_BITS];
        next_sizes[k*VALUE_BITS+:VALUE_BITS] = sizes_after[k*VALUE_BITS+:VALUE_BITS];
      end
    end
  end

  always @(posedge clk) begin
    y_valid <= rst_n & x_valid & index == LAST;
    if (!rst_n) index <= {(INDEX_BITS + 1) {1'b0}};
    else if (x_valid) begin
      index <= index == LAST ? {(INDEX_BITS + 1) {1'b0}} : index + 1'b1;
      values <= next_values;
      indices <= next_indices;
      sizes <= next_sizes;
      if (index == LAST) begin
        y_values <= next_values;
        y_indices <= next_indices;
      end
    end
  end
endmodule
