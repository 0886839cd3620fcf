// y = 1 where x is zero or more, -1 (two bits) where it is less.
module sign_of #(
    parameter X_BITS = 8
) (
    /* verilator lint_off UNUSEDSIGNAL */
    input  wire [X_BITS-1:0] x,  // only the sign matters
    /* verilator lint_on UNUSEDSIGNAL */
    output wire [1:0]        y
);
  assign y = {x[X_BITS-1], 1'b1};
endmodule
