// y = the entry of TABLE that x names; entry e lies in the bits from e * Y_BITS on. Every bit of x,
// the highest first, halves what is left.
module lookup #(
    parameter X_BITS = 2,
    parameter Y_BITS = 2,
    parameter [(Y_BITS << X_BITS) - 1:0] TABLE = 8'b11_01_10_00
) (
    input  wire [X_BITS-1:0] x,
    output wire [Y_BITS-1:0] y
);
  generate
    genvar l;
    for (l = 0; l < X_BITS; l = l + 1) begin : g_level
      localparam HALF_BITS = Y_BITS << (X_BITS - 1 - l);
      wire [2*HALF_BITS-1:0] left;
      wire [  HALF_BITS-1:0] half = x[X_BITS-1-l] ? left[2*HALF_BITS-1:HALF_BITS]
                                                  : left[HALF_BITS-1:0];
      if (l == 0) begin : g_first
        assign left = TABLE;
      end else begin : g_next
        assign left = g_level[l-1].half;
      end
    end
  endgenerate
  assign y = g_level[X_BITS-1].half;
endmodule
