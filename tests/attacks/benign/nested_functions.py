# goal: mutually recursive inner functions and a class in a function
# outcome: accepted
# test: Solution().evaluate(text="2*(3+4)-5") == 9
class Solution:
    def evaluate(self, text):
        class Reader:
            at = 0

        def peek():
            return text[Reader.at] if Reader.at < len(text) else ""

        def take():
            Reader.at += 1
            return text[Reader.at - 1]

        def factor():
            if peek() == "(":
                take()
                value = expression()
                take()
                return value
            digits = ""
            while peek().isdigit():
                digits += take()
            return int(digits)

        def term():
            value = factor()
            while peek() and peek() in "*/":
                value = value * factor() if take() == "*" else value // factor()
            return value

        def expression():
            value = term()
            while peek() and peek() in "+-":
                value = value + term() if take() == "+" else value - term()
            return value

        return expression()
