# goal: read a file
# outcome: runtime_error
# detail: PermissionError
# modes: gt_only,run_tests,eq_override,exit_code,stdout_marker,sentinel
class Solution:
    def add(self, a, b):
        with open("/etc/hostname") as file:
            return len(file.read()) * 0 + a + b
