"""A process's own peak of memory, whoever started it."""

import subprocess
import sys

PROGRAM = """
from vgrout.train.memory import peak_memory_bytes
before = peak_memory_bytes()
held = bytearray(64 << 20)
print(before, peak_memory_bytes() - before)
"""


def test_the_peak_is_not_that_of_the_process_that_started_it():
    held = bytearray(512 << 20)
    said = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True).stdout
    before, grown = map(int, said.split())
    assert len(held) > before
    assert 60 << 20 < grown < 70 << 20
