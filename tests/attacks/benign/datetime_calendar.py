# goal: dates, time differences, formats, time zones and calendars
# outcome: accepted
# test: Solution().days(first="2019-06-29", second="2020-01-15") == 200
# test: Solution().facts(text="2024-02-29 13:05:09") == ['Thursday 29 February 060', '2025-03-01T12:59:09+00:00', True, (2, 28), 1709211909.0]
import calendar
from datetime import date, datetime, timedelta, timezone


class Solution:
    def days(self, first, second):
        return abs((date.fromisoformat(first) - date.fromisoformat(second)).days)

    def facts(self, text):
        moment = datetime.strptime(text, "%Y-%m-%d %H:%M:%S").replace(tzinfo=timezone.utc)
        later = moment + timedelta(days=366, minutes=-6)
        leap = calendar.isleap(moment.year)
        return [
            moment.strftime("%A %d %B %j"),
            later.isoformat(),
            leap,
            calendar.monthrange(2023, 2),
            moment.timestamp(),
        ]
