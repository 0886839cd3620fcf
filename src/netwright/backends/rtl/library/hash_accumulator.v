// Sums of values by tag in 2**BANK_BITS banks, chosen by the lowest bits of the tag; a bank takes an
// item a clock, items of different banks do not wait for each other's probes. While `drain` holds, the
// banks leave one after the other.
module hash_accumulator #(
    parameter BANK_BITS  = 2,
    parameter SLOT_BITS  = 4,
    parameter TAG_BITS   = 10,
    parameter VALUE_BITS = 16
) (
    input  wire                  clk,
    input  wire                  rst_n,
    input  wire                  x_valid,
    output wire                  x_ready,
    input  wire [TAG_BITS-1:0]   x_tag,
    input  wire [VALUE_BITS-1:0] x_value,
    input  wire                  drain,
    output wire                  drained,
    output wire                  y_valid,
    input  wire                  y_ready,
    output wire [TAG_BITS-1:0]   y_tag,
    output wire [VALUE_BITS-1:0] y_value,
    output wire                  overflow
);
  localparam BANKS = 1 << BANK_BITS;
  localparam REST = TAG_BITS - BANK_BITS;

  wire [BANKS-1:0] ready, valid, over, empty;
  wire [BANKS*REST-1:0] tags;
  wire [BANKS*VALUE_BITS-1:0] values;
  wire [BANK_BITS-1:0] bank = x_tag[BANK_BITS-1:0];

  // The first bank that is not empty yet.
  reg [BANK_BITS-1:0] now;
  integer i;
  always @* begin
    now = {BANK_BITS{1'b1}};
    for (i = BANKS - 1; i >= 0; i = i - 1) if (!empty[i]) now = i[BANK_BITS-1:0];
  end

  genvar b;
  generate
    for (b = 0; b < BANKS; b = b + 1) begin : g_banks
      localparam [BANK_BITS-1:0] NUMBER = b;
      wire earlier = (b == 0) ? 1'b1 : &(empty | ~({BANKS{1'b1}} >> (BANKS - b)));
      hash_bank #(.SLOT_BITS(SLOT_BITS), .TAG_BITS(REST), .VALUE_BITS(VALUE_BITS)) u_bank (
          .clk(clk),
          .rst_n(rst_n),
          .x_valid(x_valid & (bank == NUMBER)),
          .x_ready(ready[b]),
          .x_tag(x_tag[TAG_BITS-1:BANK_BITS]),
          .x_value(x_value),
          .drain(drain & earlier),
          .drained(empty[b]),
          .y_valid(valid[b]),
          .y_ready(y_ready & (now == NUMBER)),
          .y_tag(tags[b*REST+:REST]),
          .y_value(values[b*VALUE_BITS+:VALUE_BITS]),
          .overflow(over[b])
      );
    end
  endgenerate

  assign x_ready = ready[bank] & ~drain;
  assign drained = drain & (&empty);
  assign y_valid = valid[now];
  assign y_tag = {tags[now*REST+:REST], now};
  assign y_value = values[now*VALUE_BITS+:VALUE_BITS];
  assign overflow = |over;
endmodule
