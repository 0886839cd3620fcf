// COUNT registers of BITS bits each, one a byte, twice: `shadow` is written and read byte by byte
// from address BASE on; `active` takes all of it in the clock of `commit`.
module register_bank #(
    parameter        COUNT  = 4,
    parameter        BITS   = 6,
    parameter [15:0] BASE   = 16'h1000
) (
    input  wire                  clk,
    input  wire                  rst_n,
    input  wire                  write,
    input  wire [15:0]           write_address,
    /* verilator lint_off UNUSEDSIGNAL */
    input  wire [7:0]            write_data,
    /* verilator lint_on UNUSEDSIGNAL */
    input  wire                  commit,
    input  wire [15:0]           shadow_address,
    output wire [7:0]            shadow_data,
    input  wire [15:0]           active_address,
    output wire [7:0]            active_data,
    (* role = "configuration" *)
    output reg  [COUNT*BITS-1:0] active
);
  (* role = "configuration" *) reg [COUNT*BITS-1:0] shadow;

  wire [15:0] write_place = write_address - BASE;
  wire [15:0] shadow_place = shadow_address - BASE;
  wire [15:0] active_place = active_address - BASE;
  wire [BITS-1:0] shadow_value, active_value;
  word_select #(.COUNT(COUNT), .BITS(BITS))
      u_shadow_value (.words(shadow), .place(shadow_place), .word(shadow_value));
  word_select #(.COUNT(COUNT), .BITS(BITS))
      u_active_value (.words(active), .place(active_place), .word(active_value));

  // Bits beyond a register read as zero.
  wire [7:0] shadow_octet, active_octet;
  generate
    if (BITS < 8) begin : g_narrow
      assign shadow_octet = {{8 - BITS{1'b0}}, shadow_value};
      assign active_octet = {{8 - BITS{1'b0}}, active_value};
    end else begin : g_whole
      assign shadow_octet = shadow_value;
      assign active_octet = active_value;
    end
  endgenerate
  assign shadow_data = shadow_place < COUNT ? shadow_octet : 8'd0;
  assign active_data = active_place < COUNT ? active_octet : 8'd0;

  integer i;
  always @(posedge clk) begin
    if (!rst_n) shadow <= {COUNT * BITS{1'b0}};
    else if (write && write_place < COUNT) begin
      for (i = 0; i < COUNT; i = i + 1) begin
        if ({16'd0, write_place} == i) shadow[i*BITS+:BITS] <= write_data[BITS-1:0];
      end
    end
  end

  always @(posedge clk) begin
    if (!rst_n) active <= {COUNT * BITS{1'b0}};
    else if (commit) active <= shadow;
  end
endmodule
