import re

from netwright.backends.soc.memory_map import BLOCKS, bus_text, c_header, markdown, regions

SPACE = regions(rom_bytes=4096, ram_bytes=2048, event_bytes=8, num_inputs=2, result_words=3)


def test_regions_do_not_overlap() -> None:
    end = 0
    for region in SPACE:
        assert region.base >= end
        assert region.base % (1 << 24) == 0
        assert 0 < region.size <= 1 << 24
        end = region.base + region.size


def test_table_header_and_bus_say_the_same_addresses() -> None:
    table, header, bus = markdown(SPACE), c_header(SPACE), bus_text(SPACE)
    for region in SPACE:
        assert f"| 0x{region.base:08x} | {region.size} | {region.name} |" in table
        assert f"bus_address[31:24] == 8'h{region.base >> 24:02x}" in bus
        assert f"bus_address[23:0] < 24'h{region.size:06x}" in bus
    for block in BLOCKS:
        for register in block.registers:
            address = block.address(register.name)
            assert f"| 0x{address:08x} | 4 | {register.access} | {register.name} |" in table
            name = f"{block.name}_{register.name}".upper()
            assert f"#define {name} 0x{address:08x}u" in header
    assert "#define RAM_BYTES 2048u" in header


def test_every_fault_has_a_meaning() -> None:
    for block in BLOCKS:
        for register in block.registers:
            assert all(field.meaning for field in register.fields), register.name
    assert len(re.findall(r"#define \w+_FAULTS_\w+ 0x", c_header(SPACE))) == 7
