// y = x * w, both signed. With BLOCKS the product is left to the part's own multipliers; without
// them it is a tree of rows, one for every two bits of w (Booth 1951, radix 4): each is 0, x or 2x,
// inverted where it counts negative, and the 1 that completes the inversion fills a free place of
// the next addition.
module shared_multiplier #(
    parameter X_BITS = 17,
    parameter W_BITS = 8,
    parameter BLOCKS = 0
) (
    input  wire [X_BITS-1:0]        x,
    input  wire [W_BITS-1:0]        w,
    output wire [X_BITS+W_BITS-1:0] y
);
  localparam Y_BITS = X_BITS + W_BITS;

  generate
    if (BLOCKS != 0) begin : g_block
      wire signed [Y_BITS-1:0] one = {{W_BITS{x[X_BITS-1]}}, x};
      wire signed [Y_BITS-1:0] other = {{X_BITS{w[W_BITS-1]}}, w};
      assign y = one * other;
    end else begin : g_rows
      localparam ROWS = (W_BITS + 1) / 2;
      localparam LEVELS = ROWS > 1 ? $clog2(ROWS) : 0;
      localparam ROW_BITS = X_BITS + 2;

      // A zero below, and the sign once more above where the bits are odd.
      wire [2*ROWS:0] digits;
      if (2 * ROWS == W_BITS) begin : g_even
        assign digits = {w, 1'b0};
      end else begin : g_odd
        assign digits = {w[W_BITS-1], w, 1'b0};
      end

      wire [ROWS-1:0] inverted;
      wire [ROWS*ROW_BITS-1:0] rows;
      genvar level, i;
      for (i = 0; i < ROWS; i = i + 1) begin : g_row
        wire [2:0] digit = digits[2*i+:3];
        wire once = digit[1] ^ digit[0];
        wire twice = (digit == 3'b011) | (digit == 3'b100);
        wire [ROW_BITS-1:0] plain = once ? {{2{x[X_BITS-1]}}, x}
            : twice ? {x[X_BITS-1], x, 1'b0} : {ROW_BITS{1'b0}};
        assign inverted[i] = digit[2] & ~(digit[1] & digit[0]);
        assign rows[i*ROW_BITS+:ROW_BITS] = plain ^ {ROW_BITS{inverted[i]}};
      end

      // Neighbors are added, those behind moved up; `open` is the 1 that the last row still needs.
      for (level = 0; level <= LEVELS; level = level + 1) begin : g_level
        localparam COUNT = (ROWS + (1 << level) - 1) >> level;
        localparam WIDTH = ROW_BITS + 3 * ((1 << level) - 1);
        wire [COUNT*WIDTH-1:0] sums;
        wire [COUNT-1:0] open;
        if (level == 0) begin : g_rows_in
          assign sums = rows;
          assign open = inverted;
        end else begin : g_pairs
          localparam BELOW = (ROWS + (1 << (level - 1)) - 1) >> (level - 1);
          localparam INNER = ROW_BITS + 3 * ((1 << (level - 1)) - 1);
          localparam MOVE = 1 << level;  // bits of a group of 2**(level - 1) rows
          for (i = 0; i < COUNT; i = i + 1) begin : g_pair
            wire [INNER-1:0] low = g_level[level-1].sums[2*i*INNER+:INNER];
            if (2 * i + 1 < BELOW) begin : g_both
              wire [INNER-1:0] high = g_level[level-1].sums[(2*i+1)*INNER+:INNER];
              /* verilator lint_off UNUSEDSIGNAL */
              wire [INNER+MOVE+WIDTH-1:0] moved = {
                {WIDTH{high[INNER-1]}}, high, {MOVE{1'b0}}
              };
              /* verilator lint_on UNUSEDSIGNAL */
              wire [WIDTH-1:0] filled = moved[WIDTH-1:0]
                  | ({{(WIDTH - 1) {1'b0}}, g_level[level-1].open[2*i]} << (MOVE - 2));
`ifdef KEEP_ADDERS
              (* keep *)
`endif
              wire [WIDTH-1:0] pair = {{(WIDTH - INNER) {low[INNER-1]}}, low} + filled;
              assign sums[i*WIDTH+:WIDTH] = pair;
              assign open[i] = g_level[level-1].open[2*i+1];
            end else begin : g_rest
              assign sums[i*WIDTH+:WIDTH] = {{(WIDTH - INNER) {low[INNER-1]}}, low};
              assign open[i] = g_level[level-1].open[2*i];
            end
          end
        end
      end

      localparam TOP = ROW_BITS + 3 * ((1 << LEVELS) - 1);
      wire [TOP-1:0] top = g_level[LEVELS].sums;
      /* verilator lint_off UNUSEDSIGNAL */
      wire [TOP+Y_BITS-1:0] wide = {{Y_BITS{top[TOP-1]}}, top};
      /* verilator lint_on UNUSEDSIGNAL */
      wire [Y_BITS-1:0] last = {{(Y_BITS - 1) {1'b0}}, g_level[LEVELS].open} << (2 * (ROWS - 1));
      assign y = wide[Y_BITS-1:0] + last;
    end
  endgenerate
endmodule
