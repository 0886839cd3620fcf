// Reads a bank of SIZE bytes one a clock and commits it if all is as it must be: VERSION, LAYOUT
// and SIZE in front (low bytes first), a mode below MODES, and the CRC-16 (polynomial 0x1021, start
// 0xffff) of all before it in the last two bytes, low byte first. `commit` is a pulse; so are the
// faults, of which several may come together.
module bank_check #(
    parameter [15:0] SIZE    = 16'd16,
    parameter [7:0]  VERSION = 8'd1,
    parameter [15:0] LAYOUT  = 16'd0,
    parameter [7:0]  MODES   = 8'd4
) (
    input  wire        clk,
    input  wire        rst_n,
    input  wire        start,
    input  wire [7:0]  bank_data,
    (* role = "pointer" *)
    output reg  [15:0] place,
    (* role = "state" *)
    output reg         busy,
    output wire        commit,
    output wire        crc_fault,
    output wire        size_fault,
    output wire        version_fault,
    output wire        mode_fault
);
  (* role = "state" *) reg [15:0] crc;
  (* role = "state" *) reg is_wrong_crc, is_wrong_size, is_wrong_version, is_wrong_mode;
  (* role = "state" *) reg ends;

  function [15:0] next_crc;
    input [15:0] value;
    input [7:0] octet;
    integer i;
    begin
      next_crc = value ^ {octet, 8'd0};
      for (i = 0; i < 8; i = i + 1)
        next_crc = next_crc[15] ? {next_crc[14:0], 1'b0} ^ 16'h1021 : {next_crc[14:0], 1'b0};
    end
  endfunction

  assign crc_fault = ends & is_wrong_crc;
  assign size_fault = ends & is_wrong_size;
  assign version_fault = ends & is_wrong_version;
  assign mode_fault = ends & is_wrong_mode;
  assign commit = ends & ~(is_wrong_crc | is_wrong_size | is_wrong_version | is_wrong_mode);

  always @(posedge clk) begin
    if (!rst_n) begin
      place <= 16'd0;
      busy <= 1'b0;
      ends <= 1'b0;
      crc <= 16'hffff;
      is_wrong_crc <= 1'b0;
      is_wrong_size <= 1'b0;
      is_wrong_version <= 1'b0;
      is_wrong_mode <= 1'b0;
    end else if (!busy) begin
      if (start) begin
        place <= 16'd0;
        busy <= 1'b1;
        crc <= 16'hffff;
        is_wrong_crc <= 1'b0;
        is_wrong_size <= 1'b0;
        is_wrong_version <= 1'b0;
        is_wrong_mode <= 1'b0;
      end
    end else if (ends) begin
      ends <= 1'b0;
      busy <= 1'b0;
    end else begin
      case (place)
        16'd0: is_wrong_version <= bank_data != VERSION;
        16'd1: if (bank_data != LAYOUT[7:0]) is_wrong_version <= 1'b1;
        16'd2: if (bank_data != LAYOUT[15:8]) is_wrong_version <= 1'b1;
        16'd3: is_wrong_size <= bank_data != SIZE[7:0];
        16'd4: if (bank_data != SIZE[15:8]) is_wrong_size <= 1'b1;
        16'd5: is_wrong_mode <= bank_data >= MODES;
        SIZE - 16'd2: is_wrong_crc <= bank_data != crc[7:0];
        SIZE - 16'd1: if (bank_data != crc[15:8]) is_wrong_crc <= 1'b1;
        default: ;
      endcase
      if (place < SIZE - 16'd2) crc <= next_crc(crc, bank_data);
      if (place == SIZE - 16'd1) ends <= 1'b1;
      else place <= place + 16'd1;
    end
  end
endmodule
