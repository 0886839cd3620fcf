// A table of 2**SLOT_BITS slots of tag and sum. An item goes to the slot of the lower bits of its tag
// or, by linear probing, to the next that is free or has its tag; there its value is added, and sums
// wrap. One look a clock: the slot is read in a clock, compared and written in the next. While `drain`
// holds and nothing is under way, slots leave in order, and are free afterwards.
module hash_bank #(
    parameter SLOT_BITS  = 4,
    parameter TAG_BITS   = 8,
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
    output reg                   overflow
);
  localparam SLOTS = 1 << SLOT_BITS;
  localparam [SLOT_BITS-1:0] LAST = {SLOT_BITS{1'b1}};

  reg [SLOTS-1:0] used;
  reg [TAG_BITS+VALUE_BITS-1:0] entries[0:SLOTS-1];
  reg [TAG_BITS+VALUE_BITS-1:0] read;

  // What is being compared.
  reg                  busy;
  reg [SLOT_BITS-1:0]  slot;
  reg [SLOT_BITS-1:0]  looks;
  reg [TAG_BITS-1:0]   tag;
  reg [VALUE_BITS-1:0] value;

  // What was written in the clock in which the slot was read.
  reg                            forward;
  reg [TAG_BITS+VALUE_BITS-1:0]  written;

  wire [TAG_BITS+VALUE_BITS-1:0] entry = forward ? written : read;
  wire found = used[slot];
  wire equal = entry[TAG_BITS+VALUE_BITS-1:VALUE_BITS] == tag;
  wire hit = busy & (~found | equal);
  wire full = busy & found & ~equal & (looks == LAST);
  wire again = busy & found & ~equal & (looks != LAST);
  wire [VALUE_BITS-1:0] sum = found ? entry[VALUE_BITS-1:0] + value : value;

  // Slots that leave.
  reg                 leaving;
  reg                 scanned;
  reg [SLOT_BITS-1:0] scan;
  wire leaves = leaving & used[scan];
  wire moves = leaving & (~used[scan] | y_ready);
  assign y_valid = leaves;
  assign y_tag = entry[TAG_BITS+VALUE_BITS-1:VALUE_BITS];
  assign y_value = entry[VALUE_BITS-1:0];
  assign drained = scanned;

  assign x_ready = ~again & ~drain & ~leaving;
  wire take = x_valid & x_ready;
  wire starts = drain & ~busy & ~leaving & ~scanned;

  reg [SLOT_BITS-1:0] address;
  always @* begin
    address = x_tag[SLOT_BITS-1:0];
    if (again) address = slot + 1'b1;
    else if (starts) address = {SLOT_BITS{1'b0}};
    else if (leaving) address = moves ? scan + 1'b1 : scan;
  end

  always @(posedge clk) begin
    read <= entries[address];
    if (hit) entries[slot] <= {tag, sum};
    written <= {tag, sum};
    if (take) begin
      tag <= x_tag;
      value <= x_value;
    end
  end

  always @(posedge clk) begin
    if (!rst_n) begin
      used <= {SLOTS{1'b0}};
      busy <= 1'b0;
      slot <= {SLOT_BITS{1'b0}};
      looks <= {SLOT_BITS{1'b0}};
      forward <= 1'b0;
      leaving <= 1'b0;
      scanned <= 1'b0;
      scan <= {SLOT_BITS{1'b0}};
      overflow <= 1'b0;
    end else begin
      forward <= hit & (address == slot);
      if (hit) used[slot] <= 1'b1;
      if (full) overflow <= 1'b1;
      if (again) begin
        slot <= address;
        looks <= looks + 1'b1;
      end else begin
        busy <= take;
        slot <= address;
        looks <= {SLOT_BITS{1'b0}};
      end
      if (starts) begin
        leaving <= 1'b1;
        scan <= {SLOT_BITS{1'b0}};
      end else if (moves) begin
        used[scan] <= 1'b0;
        scan <= scan + 1'b1;
        if (scan == LAST) begin
          leaving <= 1'b0;
          scanned <= 1'b1;
        end
      end
      if (!drain) scanned <= 1'b0;
    end
  end
endmodule
