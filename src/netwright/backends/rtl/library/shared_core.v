// The three-level accelerator: LANES multipliers in an arithmetic unit, UNITS of them in a
// processing element, ELEMENTS of these in the network, all fed with the same window. Weights,
// multipliers and descriptors of layers are written once over the bus; then a run needs only
// activations. With BLOCKS, products are left to the part's own multipliers.
module shared_core #(
    parameter LANES           = 8,
    parameter UNITS           = 2,
    parameter ELEMENTS        = 2,
    parameter LAYERS          = 16,
    parameter WEIGHT_ROWS     = 256,
    parameter TABLE_ROWS      = 64,
    parameter FEATURE_WORDS   = 1024,
    parameter ACC_BITS        = 32,
    parameter MULTIPLIER_BITS = 16,
    parameter OFFSET_BITS     = 32,
    parameter VALUE_BITS      = 48,
    parameter RESULT_BITS     = 32,
    parameter BLOCKS          = 0
) (
    input  wire        clk,
    input  wire        rst_n,
    input  wire        bus_valid,
    input  wire [21:0] bus_address,
    input  wire [31:0] bus_write_data,
    input  wire [3:0]  bus_strobe,
    output wire        bus_ready,
    output wire [31:0] bus_read_data,
    output wire        bus_error,
    output wire        irq
);
  localparam UNIT_BITS = UNITS > 1 ? $clog2(UNITS) : 1;
  localparam TREE_STAGES = (LANES > 1 ? $clog2(LANES) : 0) / 2;
  localparam READ = LANES > 2 ? LANES : 2;
  localparam WRITE = ELEMENTS > 2 ? ELEMENTS : 2;
  localparam BANK_BITS = $clog2(READ > WRITE ? READ : WRITE);
  localparam BANKS = 1 << BANK_BITS;
  localparam PLACE_BITS = $clog2(FEATURE_WORDS);
  localparam ROW_BITS = PLACE_BITS - BANK_BITS;
  localparam LAYER_BITS = LAYERS > 1 ? $clog2(LAYERS) : 1;
  localparam WEIGHT_ROW_BITS = WEIGHT_ROWS > 1 ? $clog2(WEIGHT_ROWS) : 1;
  localparam TABLE_ROW_BITS = TABLE_ROWS > 1 ? $clog2(TABLE_ROWS) : 1;
  localparam WEIGHT_BITS = UNITS * LANES * 8;
  localparam WEIGHT_WORDS = (ELEMENTS * WEIGHT_BITS + 31) / 32;
  localparam ENTRY_BITS = MULTIPLIER_BITS + OFFSET_BITS;
  localparam TABLE_WORDS = (ELEMENTS * ENTRY_BITS + 31) / 32;
  localparam WEIGHT_WORD_BITS = WEIGHT_WORDS > 1 ? $clog2(WEIGHT_WORDS) : 1;
  localparam TABLE_WORD_BITS = TABLE_WORDS > 1 ? $clog2(TABLE_WORDS) : 1;

  // ---------------------------------------------------------------- the bus
  wire busy;
  wire [READ*16-1:0] features;
  reg reading;

  wire whole = bus_strobe == 4'b1111;
  wire writes = bus_strobe != 4'b0000;
  wire is_register = bus_address[21:12] == 10'd0;
  wire is_layer = (bus_address[21:20] == 2'd0) & bus_address[19];
  wire is_weight = bus_address[21:20] == 2'd1;
  wire is_feature = bus_address[21:20] == 2'd2;
  wire is_table = bus_address[21:20] == 2'd3;
  wire is_memory = is_layer | is_weight | is_feature | is_table;
  wire layer_exists = {19'd0, bus_address[18:6]} < LAYERS;
  wire [31:0] weight_row_asked = {14'd0, bus_address[19:2]} >> WEIGHT_WORD_BITS;
  wire [31:0] table_row_asked = {14'd0, bus_address[19:2]} >> TABLE_WORD_BITS;
  wire weight_exists = weight_row_asked < WEIGHT_ROWS;
  wire table_exists = table_row_asked < TABLE_ROWS;
  wire feature_exists = {13'd0, bus_address[19:1]} < FEATURE_WORDS;
  wire exists = (is_layer & layer_exists) | (is_weight & weight_exists) | (is_table & table_exists)
      | (is_feature & feature_exists);
  wire suits = is_feature | (writes & whole);
  wire aligned = bus_address[1:0] == 2'd0;
  wire memory_good = exists & suits & aligned & ~busy;
  wire register_exists = bus_address[11:2] < 10'd12;
  wire register_good = is_register & register_exists & aligned & (whole | ~writes);
  wire good = is_memory ? memory_good : register_good;
  wire takes = bus_valid & writes & good;
  wire delays = bus_valid & ~writes & good & is_feature;  // the memory answers one clock later

  assign bus_ready = bus_valid & (~delays | reading);
  assign bus_error = bus_valid & ~good;

  always @(posedge clk) reading <= rst_n & delays & ~reading;

  // ---------------------------------------------------------------- registers
  reg irq_enabled, done, fault_range, fault_access, fault_layer;
  reg [31:0] cycles;
  reg [LAYER_BITS-1:0] layer;
  wire faulty = fault_range | fault_access | fault_layer;
  wire takes_register = takes & is_register;
  wire start = takes_register & (bus_address[11:2] == 10'd0) & bus_write_data[0] & ~busy;
  wire clear = takes_register & (bus_address[11:2] == 10'd0) & bus_write_data[1] & ~busy;
  wire denied = bus_valid & is_memory & ~memory_good & bus_ready;
  reg [31:0] shown;

  assign irq = irq_enabled & ~busy & (done | faulty);
  assign bus_read_data = is_feature ? features[31:0] : shown;

  always @* begin
    case (bus_address[5:2])
      4'd0: shown = {23'd0, irq_enabled, 8'd0};
      4'd1: shown = {{(24 - LAYER_BITS) {1'b0}}, layer, 3'd0, fault_layer, fault_access,
                     fault_range, done, busy};
      4'd2: shown = cycles;
      4'd3: shown = 32'h4e574131;
      4'd4: shown = LANES;
      4'd5: shown = UNITS;
      4'd6: shown = ELEMENTS;
      4'd7: shown = LAYERS;
      4'd8: shown = WEIGHT_ROWS;
      4'd9: shown = TABLE_ROWS;
      4'd10: shown = FEATURE_WORDS;
      default: shown = 32'd0;
    endcase
  end

  // ---------------------------------------------------------------- layers, one after another
  localparam [2:0] IDLE = 3'd0, FETCH = 3'd1, BEGIN = 3'd2, WALK = 3'd3, NEXT = 3'd4;
  localparam [31:0] LAST_LAYER = LAYERS - 1;
  reg [2:0] state;
  /* verilator lint_off UNUSEDSIGNAL */
  wire [511:0] words;  // there is room for more fields, and limits may be narrow
  wire [63:0] low = {words[416+:32], words[352+:32]};
  wire [63:0] high = {words[448+:32], words[384+:32]};
  /* verilator lint_on UNUSEDSIGNAL */
  wire begins = state == BEGIN;
  wire layer_done;
  wire range_fault;

  assign busy = state != IDLE;

  weight_ram #(
      .BITS(32), .LANES(16), .DEPTH(LAYERS), .ADDRESS_BITS(LAYER_BITS), .LANE_BITS(4)
  ) u_layers (
      .clk(clk), .write(takes & is_layer), .write_lane(bus_address[5:2]),
      .write_address(bus_address[6+:LAYER_BITS]), .write_data(bus_write_data), .address(layer),
      .word(words)
  );

  wire [15:0] positions = words[0+:16];
  wire [15:0] blocks = words[16+:16];
  wire [15:0] steps = words[32+:16];
  wire [1:0] planes = words[48+:2];
  wire [2:0] digits = words[50+:3];
  wire [1:0] pieces = words[53+:2];
  wire [3:0] plane_signs = words[55+:4];
  wire same_rows = words[59];
  wire last_layer = words[63];
  wire [63:0] sources = words[64+:64];
  wire signed [17:0] first_index = words[128+:18];
  wire [15:0] source_stride = words[160+:16];
  wire [15:0] block_stride = words[176+:16];
  wire [16:0] size = words[192+:17];
  wire [15:0] target = words[224+:16];
  wire [15:0] target_stride = words[240+:16];
  wire [15:0] piece_stride = words[256+:16];
  wire [15:0] channels = words[272+:16];
  wire [15:0] first_row = words[288+:16];
  wire [15:0] first_entry = words[304+:16];
  wire [5:0] shift = words[320+:6];
  wire [1:0] below = words[328+:2];
  wire [1:0] above = words[330+:2];
  wire even = words[332];
  wire [17:0] zero_point = words[480+:18];

  always @(posedge clk) begin
    if (!rst_n) begin
      state <= IDLE;
      irq_enabled <= 1'b0;
      done <= 1'b0;
      fault_range <= 1'b0;
      fault_access <= 1'b0;
      fault_layer <= 1'b0;
      layer <= {LAYER_BITS{1'b0}};
      cycles <= 32'd0;
    end else begin
      if (takes_register & (bus_address[11:2] == 10'd0)) irq_enabled <= bus_write_data[8];
      if (clear | start) begin
        done <= 1'b0;
        fault_range <= 1'b0;
        fault_access <= 1'b0;
        fault_layer <= 1'b0;
      end
      if (denied) fault_access <= 1'b1;
      if (range_fault) fault_range <= 1'b1;
      if (start) cycles <= 32'd0;
      else if (busy) cycles <= cycles + 32'd1;
      case (state)
        IDLE:
        if (start) begin
          state <= FETCH;
          layer <= {LAYER_BITS{1'b0}};
        end
        FETCH: state <= BEGIN;
        BEGIN: state <= WALK;
        WALK: if (layer_done) state <= NEXT;
        default: begin
          if (last_layer | fault_range) begin
            state <= IDLE;
            done <= ~fault_range;
          end else if (layer == LAST_LAYER[LAYER_BITS-1:0]) begin
            state <= IDLE;
            fault_layer <= 1'b1;
          end else begin
            state <= FETCH;
            layer <= layer + 1'b1;
          end
        end
      endcase
    end
  end

  // ---------------------------------------------------------------- windows and weights
  wire issue, first, shift_sum, last;
  wire signed [17:0] index;
  wire [1:0] plane;
  wire [15:0] row;
  /* verilator lint_off UNUSEDSIGNAL */
  wire walking;
  /* verilator lint_on UNUSEDSIGNAL */

  shared_issue #(
      .LANES(LANES), .UNITS(UNITS), .UNIT_BITS(UNIT_BITS), .ELEMENTS(ELEMENTS)
  ) u_issue (
      .clk(clk), .rst_n(rst_n), .start(begins), .positions(positions), .blocks(blocks),
      .steps(steps), .planes(planes), .digits(digits), .pieces(pieces), .same_rows(same_rows),
      .first_index(first_index), .position_stride(source_stride), .block_stride(block_stride),
      .channels(channels), .first_row(first_row), .running(walking), .issue(issue), .index(index),
      .plane(plane), .row(row), .first(first), .shift(shift_sum), .last(last)
  );

  // Which of LANES words from `index` on are in the source: those from `skip` to below `end`.
  localparam [31:0] MOST = LANES;
  localparam LANE_BITS = $clog2(LANES + 1);
  wire signed [18:0] wide_index = {index[17], index};
  wire signed [18:0] rest = $signed({2'd0, size}) - wide_index;
  wire signed [18:0] most = $signed(MOST[18:0]);
  /* verilator lint_off UNUSEDSIGNAL */
  wire signed [18:0] behind = -wide_index;
  wire signed [18:0] skipped = wide_index >= 0 ? 19'sd0 : behind < most ? behind : most;
  wire signed [18:0] counted = rest < 0 ? 19'sd0 : rest < most ? rest : most;
  /* verilator lint_on UNUSEDSIGNAL */
  wire signed [18:0] where = wide_index + $signed({3'd0, sources[plane*16+:16]});
  wire signed [18:0] beyond = where + counted;

  /* verilator lint_off UNUSEDSIGNAL */
  reg signed [18:0] place;  // what is beyond the memory is a fault
  reg [LANE_BITS-1:0] skip, skip_read, stop, stop_read;
  reg [15:0] row_first;
  /* verilator lint_on UNUSEDSIGNAL */
  reg sign, sign_read, issued;
  reg [LANES*17-1:0] window;

  always @(posedge clk) begin
    place <= where;
    skip <= skipped[LANE_BITS-1:0];
    stop <= counted[LANE_BITS-1:0];
    sign <= plane_signs[plane];
    skip_read <= skip;
    stop_read <= stop;
    sign_read <= sign;
    row_first <= row;
    issued <= rst_n & issue;
  end

  reg place_fault;
  always @(posedge clk) begin
    place_fault <= rst_n & issue & (skipped < counted)
        & (({13'd0, beyond} > FEATURE_WORDS) | beyond[18]);
  end
  wire row_fault = issued & ({16'd0, row_first} >= WEIGHT_ROWS);

  wire [WRITE-1:0] write;
  wire [PLACE_BITS-1:0] write_place;
  wire [WRITE*16-1:0] write_words;
  wire [PLACE_BITS-1:0] read_place = busy ? place[PLACE_BITS-1:0] : bus_address[1+:PLACE_BITS];

  shared_features #(
      .BANKS(BANKS), .BANK_BITS(BANK_BITS), .ROW_BITS(ROW_BITS), .READ(READ), .WRITE(WRITE)
  ) u_features (
      .clk(clk), .read_address(read_place), .read_words(features), .write(write),
      .write_address(write_place), .write_words(write_words)
  );

  genvar i;
  generate
    for (i = 0; i < LANES; i = i + 1) begin : g_window
      localparam [31:0] NUMBER = i;
      wire real_word = (NUMBER[LANE_BITS-1:0] >= skip_read) & (NUMBER[LANE_BITS-1:0] < stop_read);
      wire [15:0] word = real_word ? features[i*16+:16] : 16'd0;
      always @(posedge clk) window[i*17+:17] <= {sign_read & word[15], word};
    end
  endgenerate

  /* verilator lint_off UNUSEDSIGNAL */
  wire [WEIGHT_WORDS*32-1:0] weight_words;  // the last word need not be full
  /* verilator lint_on UNUSEDSIGNAL */

  weight_ram #(
      .BITS(32), .LANES(WEIGHT_WORDS), .DEPTH(WEIGHT_ROWS), .ADDRESS_BITS(WEIGHT_ROW_BITS),
      .LANE_BITS(WEIGHT_WORD_BITS)
  ) u_weights (
      .clk(clk), .write(takes & is_weight), .write_lane(bus_address[2+:WEIGHT_WORD_BITS]),
      .write_address(weight_row_asked[WEIGHT_ROW_BITS-1:0]),
      .write_data(bus_write_data), .address(row_first[WEIGHT_ROW_BITS-1:0]), .word(weight_words)
  );

  // A memory block answers late in the clock: weights rest beside the window.
  reg [ELEMENTS*WEIGHT_BITS-1:0] weights;
  always @(posedge clk) weights <= weight_words[ELEMENTS*WEIGHT_BITS-1:0];

  wire first_sum, shift_here, last_sum, arrive;

  delay_line #(.BITS(3), .STAGES(TREE_STAGES + 4)) u_sums (
      .clk(clk), .rst_n(rst_n), .x({first, shift_sum, last}),
      .y({first_sum, shift_here, last_sum})
  );
  delay_line #(.BITS(1), .STAGES(1)) u_arrive (
      .clk(clk), .rst_n(rst_n), .x(last_sum), .y(arrive)
  );

  // ---------------------------------------------------------------- results
  wire leaving, last_word;
  wire [UNIT_BITS-1:0] unit;
  wire [1:0] piece;
  wire [15:0] entry;
  wire [16:0] address;
  wire [15:0] left;

  shared_leave #(.UNITS(UNITS), .UNIT_BITS(UNIT_BITS), .ELEMENTS(ELEMENTS)) u_leave (
      .clk(clk), .rst_n(rst_n), .start(begins), .arrive(arrive), .positions(positions),
      .blocks(blocks), .pieces(pieces), .channels(channels), .first_row(first_entry),
      .target(target), .position_stride(target_stride), .piece_stride(piece_stride),
      .leaving(leaving), .unit(unit), .piece(piece), .row(entry), .address(address), .left(left),
      .last(last_word)
  );

  /* verilator lint_off UNUSEDSIGNAL */
  wire [TABLE_WORDS*32-1:0] table_words;  // the last word need not be full
  /* verilator lint_on UNUSEDSIGNAL */

  weight_ram #(
      .BITS(32), .LANES(TABLE_WORDS), .DEPTH(TABLE_ROWS), .ADDRESS_BITS(TABLE_ROW_BITS),
      .LANE_BITS(TABLE_WORD_BITS)
  ) u_table (
      .clk(clk), .write(takes & is_table), .write_lane(bus_address[2+:TABLE_WORD_BITS]),
      .write_address(table_row_asked[TABLE_ROW_BITS-1:0]),
      .write_data(bus_write_data), .address(entry[TABLE_ROW_BITS-1:0]), .word(table_words)
  );

  wire entry_fault = leaving & ({16'd0, entry} >= TABLE_ROWS);

  // What goes with a word while it is requantized.
  localparam [31:0] FULL = ELEMENTS;
  wire written_word;
  wire [16:0] written_address;
  wire [15:0] written_left;
  wire written_last;

  delay_line #(.BITS(35), .STAGES(6)) u_written (
      .clk(clk), .rst_n(rst_n), .x({leaving, last_word, address, left}),
      .y({written_word, written_last, written_address, written_left})
  );

  wire [31:0] reach = written_left < FULL[15:0] ? {16'd0, written_left} : FULL;
  wire target_fault = written_word & ({15'd0, written_address} + reach > FEATURE_WORDS);
  wire [ELEMENTS*16-1:0] results;

  assign range_fault = place_fault | row_fault | entry_fault | target_fault;

  delay_line #(.BITS(1), .STAGES(1)) u_done (
      .clk(clk), .rst_n(rst_n), .x(written_last), .y(layer_done)
  );

  generate
    for (i = 0; i < ELEMENTS; i = i + 1) begin : g_element
      shared_element #(
          .LANES(LANES), .UNITS(UNITS), .UNIT_BITS(UNIT_BITS), .ACC_BITS(ACC_BITS),
          .MULTIPLIER_BITS(MULTIPLIER_BITS), .OFFSET_BITS(OFFSET_BITS), .VALUE_BITS(VALUE_BITS),
          .RESULT_BITS(RESULT_BITS), .BLOCKS(BLOCKS)
      ) u_element (
          .clk(clk), .x(window), .w(weights[i*WEIGHT_BITS+:WEIGHT_BITS]), .first(first_sum),
          .shift_sum(shift_here), .last(last_sum), .unit(unit), .piece(piece),
          .multiplier(table_words[i*ENTRY_BITS+:MULTIPLIER_BITS]),
          .offset(table_words[i*ENTRY_BITS+MULTIPLIER_BITS+:OFFSET_BITS]), .shift(shift),
          .below(below), .above(above), .even(even), .low(low[RESULT_BITS-1:0]),
          .high(high[RESULT_BITS-1:0]), .zero_point(zero_point), .y(results[i*16+:16])
      );
    end

    for (i = 0; i < WRITE; i = i + 1) begin : g_write
      localparam [31:0] NUMBER = i;
      wire by_bus = takes & is_feature & (NUMBER < 2)
          & (NUMBER[0] ? &bus_strobe[3:2] : &bus_strobe[1:0]);
      wire [15:0] bus_word = NUMBER[0] ? bus_write_data[31:16] : bus_write_data[15:0];
      if (i < ELEMENTS) begin : g_result
        assign write[i] = by_bus | (written_word & ~target_fault & (NUMBER[15:0] < written_left));
        assign write_words[i*16+:16] = busy ? results[i*16+:16] : bus_word;
      end else begin : g_bus
        assign write[i] = by_bus;
        assign write_words[i*16+:16] = bus_word;
      end
    end
  endgenerate

  assign write_place = busy ? written_address[PLACE_BITS-1:0] : bus_address[1+:PLACE_BITS];
endmodule
