# Start and interrupts of the core picorv32, which has instructions of its own for the latter:
# getq, retirq and maskirq. Reset goes to address 0, interrupts go to address 0x10.
.section .start, "ax"
.global _start
_start:
    j start
    .balign 16

# Saves what a C function may change, hands it the interrupts that are pending, goes on.
interrupt:
    addi sp, sp, -64
    sw ra, 0(sp)
    sw t0, 4(sp)
    sw t1, 8(sp)
    sw t2, 12(sp)
    sw t3, 16(sp)
    sw t4, 20(sp)
    sw t5, 24(sp)
    sw t6, 28(sp)
    sw a0, 32(sp)
    sw a1, 36(sp)
    sw a2, 40(sp)
    sw a3, 44(sp)
    sw a4, 48(sp)
    sw a5, 52(sp)
    sw a6, 56(sp)
    sw a7, 60(sp)
    .insn r 0x0B, 4, 0, a0, x1, x0      # getq a0, q1
    call handle_interrupt
    lw ra, 0(sp)
    lw t0, 4(sp)
    lw t1, 8(sp)
    lw t2, 12(sp)
    lw t3, 16(sp)
    lw t4, 20(sp)
    lw t5, 24(sp)
    lw t6, 28(sp)
    lw a0, 32(sp)
    lw a1, 36(sp)
    lw a2, 40(sp)
    lw a3, 44(sp)
    lw a4, 48(sp)
    lw a5, 52(sp)
    lw a6, 56(sp)
    lw a7, 60(sp)
    addi sp, sp, 64
    .insn r 0x0B, 0, 2, x0, x0, x0      # retirq

start:
    la sp, stack_top
    la a0, zero_begin
    la a1, zero_end
1:  bgeu a0, a1, 2f
    sw x0, 0(a0)
    addi a0, a0, 4
    j 1b
2:  li a0, ~0x16                        # illegal instruction, misaligned access, fault on the bus
    .insn r 0x0B, 6, 3, x0, a0, x0      # maskirq
    call main
3:  j 3b

# Sleeps until an interrupt is up, masked or not.
.text
.global wait_for_interrupt
wait_for_interrupt:
    .insn r 0x0B, 4, 4, a0, x0, x0      # waitirq a0
    ret

.global hold_faults
hold_faults:
    li a0, ~0x06                        # illegal instruction, misaligned access
    .insn r 0x0B, 6, 3, x0, a0, x0      # maskirq
    ret
