// Memory on the word bus that is read and written, byte by byte; its answer comes after one clock.
module word_ram #(
    parameter WORDS = 1024
) (
    input  wire        clk,
    input  wire        rst_n,
    input  wire        bus_valid,
    input  wire [23:0] bus_address,
    input  wire [31:0] bus_write_data,
    input  wire [ 3:0] bus_strobe,
    output reg         bus_ready,
    output reg  [31:0] bus_read_data,
    output wire        bus_error
);
  localparam ADDRESS_BITS = $clog2(WORDS) > 0 ? $clog2(WORDS) : 1;
  reg [31:0] words[0:WORDS-1];
  wire [ADDRESS_BITS-1:0] place = bus_address[ADDRESS_BITS+1:2];
  wire start = bus_valid & ~bus_ready;

  assign bus_error = 1'b0;
  always @(posedge clk) begin
    bus_ready <= rst_n & start;
    if (start) begin
      bus_read_data <= words[place];
      if (bus_strobe[0]) words[place][7:0] <= bus_write_data[7:0];
      if (bus_strobe[1]) words[place][15:8] <= bus_write_data[15:8];
      if (bus_strobe[2]) words[place][23:16] <= bus_write_data[23:16];
      if (bus_strobe[3]) words[place][31:24] <= bus_write_data[31:24];
    end
  end
endmodule
