# goal: logging to stderr and a string
# outcome: accepted
# test: Solution().work(n=3) == ['step 0', 'step 1', 'step 2']
import io
import logging

logging.basicConfig(level=logging.DEBUG)
log = logging.getLogger(__name__)


class Solution:
    def work(self, n):
        stream = io.StringIO()
        log.addHandler(logging.StreamHandler(stream))
        for k in range(n):
            log.debug("step %d", k)
        return stream.getvalue().splitlines()
