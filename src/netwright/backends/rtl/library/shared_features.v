// The memory of all feature maps: words of 16 bits in BANKS banks, neighbors in neighboring banks.
// READ words from any address on are read together, one clock after the address; up to WRITE words
// are written together from any address on. Addresses wrap around at the end.
module shared_features #(
    parameter BANKS     = 8,
    parameter BANK_BITS = 3,
    parameter ROW_BITS  = 7,
    parameter READ      = 8,
    parameter WRITE     = 2
) (
    input  wire                          clk,
    input  wire [ROW_BITS+BANK_BITS-1:0] read_address,
    output wire [READ*16-1:0]            read_words,
    input  wire [WRITE-1:0]              write,
    input  wire [ROW_BITS+BANK_BITS-1:0] write_address,
    input  wire [WRITE*16-1:0]           write_words
);
  localparam DEPTH = 1 << ROW_BITS;

  wire [ROW_BITS-1:0] read_row = read_address[ROW_BITS+BANK_BITS-1:BANK_BITS];
  wire [ROW_BITS-1:0] write_row = write_address[ROW_BITS+BANK_BITS-1:BANK_BITS];
  wire [BANK_BITS-1:0] read_bank = read_address[BANK_BITS-1:0];
  wire [BANK_BITS-1:0] write_bank = write_address[BANK_BITS-1:0];
  reg [BANK_BITS-1:0] turned;

  always @(posedge clk) turned <= read_bank;

  // What each bank gives, turned so that the word of the address comes first.
  wire [BANKS*16-1:0] kept;
  /* verilator lint_off UNUSEDSIGNAL */
  wire [BANKS*16-1:0] lined_up;  // there may be more banks than words are read
  /* verilator lint_on UNUSEDSIGNAL */

  shared_rotate #(.COUNT(BANKS), .PLACE_BITS(BANK_BITS), .BITS(16)) u_read (
      .x(kept), .amount(turned), .y(lined_up)
  );
  assign read_words = lined_up[READ*16-1:0];

  // A word and whether it is written, for every bank.
  localparam PLACE = 17;
  wire [BANKS*PLACE-1:0] coming;
  wire [BANKS*PLACE-1:0] placed;

  shared_rotate #(.COUNT(BANKS), .PLACE_BITS(BANK_BITS), .BITS(PLACE)) u_write (
      .x(coming), .amount(-write_bank), .y(placed)
  );

  genvar b;
  generate
    for (b = 0; b < BANKS; b = b + 1) begin : g_bank
      localparam [31:0] NUMBER = b;
      reg [15:0] words[0:DEPTH-1];
      reg [15:0] word;
      /* verilator lint_off CMPCONST */
      wire read_wraps = NUMBER[BANK_BITS-1:0] < read_bank;
      wire write_wraps = NUMBER[BANK_BITS-1:0] < write_bank;
      /* verilator lint_on CMPCONST */
      wire [ROW_BITS-1:0] from = read_row + {{(ROW_BITS - 1) {1'b0}}, read_wraps};
      wire [ROW_BITS-1:0] to = write_row + {{(ROW_BITS - 1) {1'b0}}, write_wraps};

      if (b < WRITE) begin : g_written
        assign coming[b*PLACE+:PLACE] = {write[b], write_words[b*16+:16]};
      end else begin : g_never
        assign coming[b*PLACE+:PLACE] = {PLACE{1'b0}};
      end

      assign kept[b*16+:16] = word;
      always @(posedge clk) begin
        if (placed[b*PLACE+16]) words[to] <= placed[b*PLACE+:16];
        word <= words[from];
      end
    end
  endgenerate
endmodule
