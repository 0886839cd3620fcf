// The sum of N signed terms modulo 2**SUM_BITS, by a tree of adders with registers after every
// LEVELS_PER_STAGE of its levels (0: none).
module sum_tree #(
    parameter N                = 5,
    parameter BITS             = 8,
    parameter SUM_BITS         = 11,
    parameter LEVELS_PER_STAGE = 2
) (
    /* verilator lint_off UNUSEDSIGNAL */
    input  wire                clk,  // without registers there is no clock
    /* verilator lint_on UNUSEDSIGNAL */
    input  wire [N*BITS-1:0]   x,
    output wire [SUM_BITS-1:0] sum
);
  localparam LEVELS = N > 1 ? $clog2(N) : 0;

  genvar level, i;
  generate
    for (level = 0; level <= LEVELS; level = level + 1) begin : g_level
      localparam COUNT = (N + (1 << level) - 1) >> level;
      localparam WIDTH = BITS + level;
      wire [COUNT*WIDTH-1:0] terms;
      wire [COUNT*WIDTH-1:0] made;

      if (level == 0) begin : g_inputs
        assign made = x;
      end else begin : g_adders
        localparam BELOW = (N + (1 << (level - 1)) - 1) >> (level - 1);
        for (i = 0; i < COUNT; i = i + 1) begin : g_adder
          wire [WIDTH-2:0] one = g_level[level-1].terms[2*i*(WIDTH-1)+:WIDTH-1];
          if (2 * i + 1 < BELOW) begin : g_pair
            wire [WIDTH-2:0] other = g_level[level-1].terms[(2*i+1)*(WIDTH-1)+:WIDTH-1];
`ifdef KEEP_ADDERS
            (* keep *)
`endif
            wire [WIDTH-1:0] pair = {one[WIDTH-2], one} + {other[WIDTH-2], other};
            assign made[i*WIDTH+:WIDTH] = pair;
          end else begin : g_rest
            assign made[i*WIDTH+:WIDTH] = {one[WIDTH-2], one};
          end
        end
      end

      if (LEVELS_PER_STAGE > 0 && level > 0 && level % LEVELS_PER_STAGE == 0) begin : g_registers
        reg [COUNT*WIDTH-1:0] kept;
        always @(posedge clk) kept <= made;
        assign terms = kept;
      end else begin : g_wires
        assign terms = made;
      end
    end
  endgenerate

  localparam TOP_BITS = BITS + LEVELS;
  wire [TOP_BITS-1:0] top = g_level[LEVELS].terms;

  // Wide enough for any mix of widths; what lies beyond the sum is not used.
  /* verilator lint_off UNUSEDSIGNAL */
  wire [TOP_BITS+SUM_BITS-1:0] wide = {{SUM_BITS{top[TOP_BITS-1]}}, top};
  /* verilator lint_on UNUSEDSIGNAL */

  assign sum = wide[SUM_BITS-1:0];
endmodule
