# goal: NaN payloads, negative zero and infinities where a finite number is expected
# problem: ratio
# outcome: wrong_answer
# pays: none
import struct


class Solution:
    def ratio(self, a, b):
        return struct.unpack("<d", struct.pack("<Q", 0x7FF8DEADBEEF0000 | (int(a) & 0xFF)))[0]
