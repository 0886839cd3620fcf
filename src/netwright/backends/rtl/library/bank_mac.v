// The unit beside a bank: in every clock with a valid column it multiplies LANES bfloat16 numbers of x
// and of w, adds the products up in a tree of neighbors and adds that to a sum in float32, which begins
// anew with the first column and leaves behind the last one. Registers stand behind the products and
// behind every level of the tree. Subnormal numbers are zeros, every NaN is the same quiet one.
module bank_mac #(
    parameter LANES = 16  // a power of two
) (
    input  wire                clk,
    input  wire                rst_n,
    input  wire                x_valid,
    input  wire                x_first,
    input  wire                x_last,
    input  wire [LANES*16-1:0] x_data,
    input  wire [LANES*16-1:0] w_data,
    output wire                y_valid,
    output wire [31:0]         y_data,  // the sum
    output wire [15:0]         y_half   // the nearest bfloat16
);
  localparam LEVELS = $clog2(LANES);

  genvar level, i;
  generate
    for (level = 0; level <= LEVELS; level = level + 1) begin : g_level
      localparam COUNT = LANES >> level;
      reg  [COUNT*32-1:0] terms;
      wire [COUNT*32-1:0] made;

      for (i = 0; i < COUNT; i = i + 1) begin : g_term
        if (level == 0) begin : g_product
          float_multiply u_multiply (
              .a(x_data[i*16+:16]), .b(w_data[i*16+:16]), .product(made[i*32+:32])
          );
        end else begin : g_sum
          float_add u_add (
              .a(g_level[level-1].terms[2*i*32+:32]), .b(g_level[level-1].terms[(2*i+1)*32+:32]),
              .sum(made[i*32+:32])
          );
        end
      end

      always @(posedge clk) terms <= made;
    end
  endgenerate

  wire first, last, valid;
  delay_line #(.BITS(2), .STAGES(LEVELS + 1)) u_ends (
      .clk(clk), .rst_n(rst_n), .x({x_first, x_last}), .y({first, last})
  );
  valid_chain #(.STAGES(LEVELS + 1)) u_valid (
      .clk(clk), .rst_n(rst_n), .valid_in(x_valid), .valid_out(valid)
  );

  reg [31:0] sum;
  reg done;
  wire [31:0] total;
  float_add u_accumulate (.a(first ? 32'b0 : sum), .b(g_level[LEVELS].terms), .sum(total));

  always @(posedge clk) begin
    if (valid) sum <= total;
    done <= rst_n & valid & last;
  end

  float_narrow u_narrow (.wide(sum), .narrow(y_half));

  assign y_valid = done;
  assign y_data = sum;
endmodule
