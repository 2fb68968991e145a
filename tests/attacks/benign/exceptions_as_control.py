# goal: custom exceptions, else and finally, chained and grouped
# outcome: accepted
# test: Solution().safe(values=["1", "x", "0"]) == [10, 'fine', ';', 'Bad', ';', 'ZeroDivisionError', ';']
class Bad(ValueError):
    pass


class Solution:
    def safe(self, values):
        found = []
        for value in values:
            try:
                try:
                    found.append(10 // int(value))
                except ValueError as error:
                    raise Bad(value) from error
            except (Bad, ZeroDivisionError) as error:
                found.append(type(error).__name__)
            else:
                found.append("fine")
            finally:
                found.append(";")
        return found
