// Sends bytes, eight bits each with a start and a stop bit, the lowest bit first, from a queue.
// A byte that finds the queue full is lost, and `overflow` says so.
module uart_transmitter #(
    parameter CLOCKS_PER_BIT = 8,
    parameter DEPTH_BITS     = 4
) (
    input  wire       clk,
    input  wire       rst_n,
    input  wire       write,
    input  wire [7:0] data,
    output wire       full,
    output wire       busy,
    output wire       overflow,
    output wire       uart_tx
);
  localparam COUNT_BITS = $clog2(CLOCKS_PER_BIT) > 0 ? $clog2(CLOCKS_PER_BIT) : 1;
  localparam [31:0] LAST = CLOCKS_PER_BIT - 1;

  reg [7:0] bytes[0:(1<<DEPTH_BITS)-1];
  reg [DEPTH_BITS:0] written, taken;
  reg [9:0] shift;
  reg [3:0] bits_left;
  reg [COUNT_BITS-1:0] count;
  wire empty = written == taken;
  wire is_last = count == LAST[COUNT_BITS-1:0];
  wire sending = bits_left != 4'd0;

  assign full = written == {~taken[DEPTH_BITS], taken[DEPTH_BITS-1:0]};
  assign busy = sending | ~empty;
  assign overflow = write & full;
  assign uart_tx = shift[0];
  always @(posedge clk) begin
    if (!rst_n) begin
      written <= {DEPTH_BITS + 1{1'b0}};
      taken <= {DEPTH_BITS + 1{1'b0}};
      shift <= 10'h3ff;
      bits_left <= 4'd0;
      count <= {COUNT_BITS{1'b0}};
    end else begin
      if (write & ~full) begin
        bytes[written[DEPTH_BITS-1:0]] <= data;
        written <= written + 1'b1;
      end
      if (sending) begin
        count <= is_last ? {COUNT_BITS{1'b0}} : count + 1'b1;
        if (is_last) begin
          shift <= {1'b1, shift[9:1]};
          bits_left <= bits_left - 4'd1;
        end
      end else if (!empty) begin
        shift <= {1'b1, bytes[taken[DEPTH_BITS-1:0]], 1'b0};
        taken <= taken + 1'b1;
        bits_left <= 4'd10;
        count <= {COUNT_BITS{1'b0}};
      end
    end
  end
endmodule
