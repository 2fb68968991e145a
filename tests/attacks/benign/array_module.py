# goal: array, bytes, bytearray, memoryview and struct
# outcome: accepted
# test: Solution().pack(values=[1, 2, 300]) == ([1, 2, 300], '010002002c01', 'bcd', 256)
import array
import struct


class Solution:
    def pack(self, values):
        numbers = array.array("i", values)
        view = memoryview(bytearray(b"abcdef"))[1:4]
        return (
            numbers.tolist(),
            struct.pack("<3H", *values).hex(),
            bytes(view).decode(),
            int.from_bytes(b"\x01\x00", "big"),
        )
