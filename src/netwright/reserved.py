"""Words that no generated identifier may be: of the languages, and of what our text is put beside.

Sources: IEEE 1364-2005 and 1800-2017, annex B; ISO C++20, table 5; macros with small letters that
the headers of the GNU C library define; names in the projects of hls4ml and in our own harnesses.
"""

from __future__ import annotations

_VERILOG = """
accept_on alias always always_comb always_ff always_latch and assert assign assume automatic before
begin bind bins binsof bit break buf bufif0 bufif1 byte case casex casez cell chandle checker class
clocking cmos config const constraint context continue cover covergroup coverpoint cross deassign
default defparam design disable dist do edge else end endcase endchecker endclass endclocking
endconfig endfunction endgenerate endgroup endinterface endmodule endpackage endprimitive endprogram
endproperty endsequence endspecify endtable endtask enum event eventually expect export extends
extern final first_match for force foreach forever fork forkjoin function generate genvar global
highz0 highz1 if iff ifnone ignore_bins illegal_bins implements implies import incdir include
initial inout input inside instance int integer interconnect interface intersect join join_any
join_none large let liblist library local localparam logic longint macromodule matches medium
modport module nand negedge nettype new nexttime nmos nor noshowcancelled not notif0 notif1 null or
output package packed parameter pmos posedge primitive priority program property protected pull0
pull1 pulldown pullup pulsestyle_ondetect pulsestyle_onevent pure rand randc randcase randsequence
rcmos real realtime ref reg reject_on release repeat restrict return rnmos rpmos rtran rtranif0
rtranif1 s_always s_eventually s_nexttime s_until s_until_with scalared sequence shortint shortreal
showcancelled signed small soft solve specify specparam static string strong strong0 strong1 struct
super supply0 supply1 sync_accept_on sync_reject_on table tagged task this throughout time
timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand trior trireg type typedef union
unique unique0 unsigned until until_with untyped use uwire var vectored virtual void wait wait_order
wand weak weak0 weak1 while wildcard wire with within wor xnor xor
"""

_CPP = """
alignas alignof and_eq asm atomic_cancel atomic_commit atomic_noexcept auto bitand bitor bool catch
char char16_t char32_t char8_t co_await co_return co_yield compl concept const_cast consteval
constexpr constinit decltype delete double dynamic_cast explicit false float friend goto inline long
main mutable namespace noexcept not_eq nullptr operator or_eq override private public reflexpr
register reinterpret_cast requires short sizeof static_assert static_cast switch synchronized
template thread_local throw true try typeid typename using volatile wchar_t xor_eq
"""

_MACROS = """
alloca asprintf assert_perror be16toh be32toh be64toh bufsiz clock_realtime eof errno exit_failure
exit_success exit file htobe16 htobe32 htobe64 htole16 htole32 htole64 i386 int_max int_min
issubnormal le16toh le32toh le64toh linux major makedev math_errhandling minor nan infinity offsetof
p_tmpdir rand_max seek_cur seek_end seek_set setjmp sigsetjmp size_t ssize_t stderr stdin stdout
strdupa strndupa unix va_arg va_copy va_end va_list va_start abort atexit system
"""

_BESIDE = """
clk rst_n room take u_valid x x_data x_ready x_valid y y_data y_ready y_valid w_address w_data
w_valid beat_data made_data made_valid result_data result_valid vdesign netwright_bench
netwright_emulation netwright_rows simulate verilated verilatedcontext std nnet hls ap ac defines
parameters firmware weights weights_dir trace myproject mystamp layer input_t result_t
model_default_t con prn aux nul com1 com2 com3 com4 lpt1 lpt2 lpt3 work top
"""

RESERVED = frozenset(f"{_VERILOG} {_CPP} {_MACROS} {_BESIDE}".split())
"""All of them, in small letters; capital letters make no other word."""
