// Events from an SPI controller (mode 0, the highest bit of a byte first, LANES bits a clock).
//
// A frame is a command byte and WORDS words, the lowest byte of each first. It fills one of two buffers while the other is read. A
// frame that breaks off inside a byte, is too short or too long, or finds no buffer free leaves
// nothing but its number, which is then missing, and a bit that says why.
module spi_events #(
    parameter LANES = 1,
    parameter WORDS = 1
) (
    input  wire             clk,
    input  wire             rst_n,
    input  wire             spi_clk,
    input  wire             spi_select_n,
    input  wire [LANES-1:0] spi_data,
    input  wire [     31:0] now,
    input  wire             release_event,
    output wire             waiting,
    output wire             is_free,
    output wire [     31:0] number,
    output wire [      7:0] command,
    output wire [     31:0] ready_time,
    output reg              short_frame,
    output reg              broken_frame,
    output reg              long_frame,
    output reg              overrun,
    input  wire             bus_valid,
    input  wire [     23:0] bus_address,
    input  wire [     31:0] bus_write_data,
    input  wire [      3:0] bus_strobe,
    output reg              bus_ready,
    output reg  [     31:0] bus_read_data,
    output reg              bus_error
);
  localparam ADDRESS_BITS = $clog2(WORDS) > 0 ? $clog2(WORDS) : 1;
  localparam COUNT_BITS = $clog2(4 * WORDS + 3);
  localparam [COUNT_BITS-1:0] WHOLE = 4 * WORDS + 1;

  // Three stages: two against metastability, one to see edges.
  reg [2:0] clk_line, select_line;
  reg [LANES-1:0] data_line, data_seen;
  always @(posedge clk) begin
    clk_line <= {clk_line[1:0], spi_clk};
    select_line <= rst_n ? {select_line[1:0], spi_select_n} : 3'b111;
    data_line <= spi_data;
    data_seen <= data_line;
  end
  wire begins = select_line[2] & ~select_line[1];
  wire ends = ~select_line[2] & select_line[1];
  wire takes = ~clk_line[2] & clk_line[1] & ~select_line[1];

  reg [31:0] buffers[0:2*(1<<ADDRESS_BITS)-1];
  reg [31:0] numbers[0:1];
  reg [7:0] commands[0:1];
  reg [31:0] times[0:1];
  reg [1:0] filled, read;  // frames accepted and released, modulo 4
  reg [31:0] frames;
  reg [COUNT_BITS-1:0] bytes;
  reg [3:0] bits;
  reg [7:0] octet, first_octet;
  reg [31:0] word;
  reg refused;
  wire [1:0] held = filled - read;
  wire [7:0] next_octet = {octet[7-LANES:0], data_seen};
  wire last_bits = bits == 8 - LANES;
  wire [COUNT_BITS-1:0] payload = bytes - 1'b1;
  wire [31:0] next_word = {next_octet, word[31:8]};
  wire stores = takes & last_bits & ~refused & bytes != {COUNT_BITS{1'b0}} & bytes < WHOLE;
  wire [COUNT_BITS+ADDRESS_BITS-1:0] word_number = {{ADDRESS_BITS{1'b0}}, payload} >> 2;
  wire [ADDRESS_BITS-1:0] word_place = word_number[ADDRESS_BITS-1:0];
  wire whole = bits == 4'd0 & bytes == WHOLE;

  assign waiting = held != 2'd0;
  assign is_free = held != 2'd2;
  assign number = numbers[read[0]];
  assign command = commands[read[0]];
  assign ready_time = times[read[0]];

  always @(posedge clk) begin
    if (stores & payload[1:0] == 2'd3) buffers[{filled[0], word_place}] <= next_word;
    if (ends & whole & ~refused) begin
      numbers[filled[0]] <= frames;
      commands[filled[0]] <= first_octet;
      times[filled[0]] <= now + 32'd1;
    end
  end

  always @(posedge clk) begin
    short_frame <= 1'b0;
    broken_frame <= 1'b0;
    long_frame <= 1'b0;
    overrun <= 1'b0;
    if (!rst_n) begin
      filled <= 2'd0;
      read <= 2'd0;
      frames <= 32'd0;
      bytes <= {COUNT_BITS{1'b0}};
      bits <= 4'd0;
      refused <= 1'b1;
    end else begin
      if (release_event & waiting) read <= read + 2'd1;
      if (begins) begin
        bytes <= {COUNT_BITS{1'b0}};
        bits <= 4'd0;
        refused <= ~is_free;
      end else if (takes) begin
        octet <= next_octet;
        bits <= last_bits ? 4'd0 : bits + LANES;
        if (last_bits) begin
          if (bytes == {COUNT_BITS{1'b0}}) first_octet <= next_octet;
          word <= next_word;
          if (bytes <= WHOLE) bytes <= bytes + 1'b1;
        end
      end
      if (ends) begin
        frames <= frames + 32'd1;
        if (bits != 4'd0) broken_frame <= 1'b1;
        else if (bytes < WHOLE) short_frame <= 1'b1;
        else if (bytes > WHOLE) long_frame <= 1'b1;
        else if (refused) overrun <= 1'b1;
        else filled <= filled + 2'd1;
      end
    end
  end

  // The buffer that is read is a memory on the bus that cannot be written.
  always @(posedge clk) begin
    bus_ready <= rst_n & bus_valid & ~bus_ready;
    bus_error <= bus_valid & bus_strobe != 4'd0;
    bus_read_data <= buffers[{read[0], bus_address[ADDRESS_BITS+1:2]}];
  end
endmodule
