"""The first word with a wrong field is found, for every bit of every field."""

import cocotb
from cocotb.triggers import Timer

from intarsia.dma.descriptor import DescriptorCheck
from intarsia.isa.transfer import RemoteDescriptor

NONZERO = ("row_bytes", "rows")


class RemoteCheck(DescriptorCheck):
    """The check of READ and WRITE."""

    def __init__(self):
        super().__init__(RemoteDescriptor, nonzero=NONZERO)


@cocotb.test(timeout_time=200, timeout_unit="us")
async def finds_each_bit(dut):
    """Reserved bits must be zero; sizes must not; nothing else matters."""
    fields = dict(RemoteDescriptor.as_shape())
    good = sum(1 << fields[name].offset for name in NONZERO)

    async def check(bits, word):
        dut.descriptor.value = bits
        await Timer(1, unit="ns")
        assert dut.faulty.value == (word is not None)
        if word is not None:
            assert dut.word.value.to_unsigned() == word

    for name, field in fields.items():
        for bit in range(field.offset, field.offset + field.width):
            await check(good | 1 << bit, bit // 32 if name.startswith("reserved") else None)
    for name in NONZERO:
        await check(good & ~(1 << fields[name].offset), fields[name].offset // 32)
    # The first one counts.
    await check(0, fields["row_bytes"].offset // 32)
    await check(1 << fields["reserved"].offset, fields["reserved"].offset // 32)


def test_descriptor_check(simulate):
    simulate(RemoteCheck)
