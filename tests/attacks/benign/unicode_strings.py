# goal: text beyond ASCII, escapes, NUL and a lone surrogate
# outcome: accepted
# test: Solution().texts() == ['naïve', '日本語', '🙂🙂🙂', 'a\x00b', '\u202e', 'tab\tnew\nline', '\'"\\', 'é']
class Solution:
    def texts(self):
        return ["naïve", "日本語", "🙂" * 3, "a\x00b", "\u202e", "tab\tnew\nline", "'\"\\", "é"[::-1]]
