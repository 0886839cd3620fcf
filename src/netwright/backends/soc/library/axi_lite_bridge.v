// An AXI4-Lite subordinate as the master of the word bus: one access at a time. A bus error is
// answered with SLVERR. A write without strobes does nothing, as AXI has it.
module axi_lite_bridge #(
    parameter ADDRESS_BITS = 12
) (
    input  wire                    clk,
    input  wire                    rst_n,
    input  wire [ADDRESS_BITS-1:0] s_axi_awaddr,
    input  wire                    s_axi_awvalid,
    output wire                    s_axi_awready,
    input  wire [            31:0] s_axi_wdata,
    input  wire [             3:0] s_axi_wstrb,
    input  wire                    s_axi_wvalid,
    output wire                    s_axi_wready,
    output reg  [             1:0] s_axi_bresp,
    output reg                     s_axi_bvalid,
    input  wire                    s_axi_bready,
    input  wire [ADDRESS_BITS-1:0] s_axi_araddr,
    input  wire                    s_axi_arvalid,
    output wire                    s_axi_arready,
    output reg  [            31:0] s_axi_rdata,
    output reg  [             1:0] s_axi_rresp,
    output reg                     s_axi_rvalid,
    input  wire                    s_axi_rready,
    output wire                    bus_valid,
    output wire [            23:0] bus_address,
    output wire [            31:0] bus_write_data,
    output wire [             3:0] bus_strobe,
    input  wire                    bus_ready,
    input  wire [            31:0] bus_read_data,
    input  wire                    bus_error
);
  reg [ADDRESS_BITS-1:0] write_address, read_address;
  reg [31:0] write_data;
  reg [3:0] strobe;
  reg has_write_address, has_write_data, has_read_address;
  reg writing, reading;
  wire empty = strobe == 4'd0;
  wire can_write = has_write_address & has_write_data & ~s_axi_bvalid;
  wire can_read = has_read_address & ~s_axi_rvalid;
  wire written = writing & (bus_ready | empty);
  wire taken = reading & bus_ready;

  assign s_axi_awready = ~has_write_address;
  assign s_axi_wready = ~has_write_data;
  assign s_axi_arready = ~has_read_address;
  assign bus_valid = (writing & ~empty) | reading;
  assign bus_address = {{24 - ADDRESS_BITS{1'b0}}, writing ? write_address : read_address};
  assign bus_write_data = write_data;
  assign bus_strobe = writing ? strobe : 4'd0;

  always @(posedge clk) begin
    if (s_axi_awvalid & s_axi_awready) write_address <= s_axi_awaddr;
    if (s_axi_wvalid & s_axi_wready) begin
      write_data <= s_axi_wdata;
      strobe <= s_axi_wstrb;
    end
    if (s_axi_arvalid & s_axi_arready) read_address <= s_axi_araddr;
    if (written) s_axi_bresp <= {bus_error & ~empty, 1'b0};
    if (taken) begin
      s_axi_rdata <= bus_read_data;
      s_axi_rresp <= {bus_error, 1'b0};
    end
    if (!rst_n) begin
      has_write_address <= 1'b0;
      has_write_data <= 1'b0;
      has_read_address <= 1'b0;
      writing <= 1'b0;
      reading <= 1'b0;
      s_axi_bvalid <= 1'b0;
      s_axi_rvalid <= 1'b0;
    end else begin
      has_write_address <= (s_axi_awvalid | has_write_address) & ~written;
      has_write_data <= (s_axi_wvalid | has_write_data) & ~written;
      has_read_address <= (s_axi_arvalid | has_read_address) & ~taken;
      if (writing) writing <= ~written;
      else if (reading) reading <= ~taken;
      else if (can_write) writing <= 1'b1;
      else if (can_read) reading <= 1'b1;
      s_axi_bvalid <= written | (s_axi_bvalid & ~s_axi_bready);
      s_axi_rvalid <= taken | (s_axi_rvalid & ~s_axi_rready);
    end
  end
endmodule
