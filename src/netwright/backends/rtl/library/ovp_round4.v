// The nearest of the normal values and outliers of ovp_decode4 to x, whose lowest FRACTION_BITS are
// behind the point; of two as near, the one of smaller magnitude. `rank` numbers the magnitudes from
// 0 for zero; those of outliers are 8 to 14.
module ovp_round4 #(
    parameter FLINT         = 0,
    parameter BIAS          = 2,
    parameter X_BITS        = 8,
    parameter FRACTION_BITS = 0
) (
    input  wire [X_BITS-1:0] x,
    output wire [3:0]        word,
    output wire [3:0]        rank
);
  function [31:0] magnitude(input [31:0] place);
    begin
      if (place >= 8) magnitude = (2 + ((place - 7) & 1)) << (((place - 7) >> 1) + BIAS);
      else if (FLINT != 0 && place >= 4) magnitude = place == 7 ? 32'd16 : 2 * (place - 2);
      else magnitude = place;
    end
  endfunction

  wire sign = x[X_BITS-1];
  wire [X_BITS-1:0] size = sign ? -x : x;
  wire [X_BITS+31:0] twice = {31'd0, size, 1'b0};
  wire [14:0] above;  // whether x is beyond the middle of one magnitude and the next

  genvar i;
  generate
    for (i = 0; i < 14; i = i + 1) begin : g_middle
      localparam [31:0] MIDDLE = (magnitude(i) + magnitude(i + 1)) << FRACTION_BITS;
      assign above[i] = twice > {{X_BITS{1'b0}}, MIDDLE};
    end
  endgenerate
  assign above[14] = 1'b0;

  wire eights = above[7];
  wire fours = above[{eights, 3'b011}];
  wire twos = above[{eights, fours, 2'b01}];
  assign rank = {eights, fours, twos, above[{eights, fours, twos, 1'b0}]};

  // Words of outliers count from 1, as int4 does from 0; the flints 4, 6, 8, 16 are 110, 111, 101, 100.
  wire [2:0] outlier = rank[2:0] + 3'd1;
  wire [2:0] normal = FLINT != 0 && rank[2] ? {1'b1, ~rank[1], rank[1] ^ rank[0]} : rank[2:0];
  wire [3:0] negative = FLINT != 0 || rank[3] ? {1'b1, rank[3] ? outlier : normal}
                                              : -{1'b0, normal};
  assign word = rank == 4'd0 ? 4'd0 : sign ? negative : {1'b0, rank[3] ? outlier : normal};
endmodule
